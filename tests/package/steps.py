# SPDX-License-Identifier: Apache-2.0
"""What is done to the installed package while probes run.  The verdicts are
those of tests/faults."""

from __future__ import annotations

import signal
from pathlib import Path

from faults.fault import FAULTS, NO_BOUND, fault
from faults.stage import Stage
from lab.hypervisor import INTEGRATION_BRIDGE
from lab.processes import wait_until

from .hypervisor import CREDENTIALS, DEFAULTS, OPTIONS, Installed
from .roots import Failed

UNIT = "vtepd.service"
DROP_INS = "/etc/systemd/system/vtepd.service.d"
EXAMPLES = "/usr/share/doc/vtepd/examples"
USER = "openvswitch"


def machine_of(stage: Stage) -> Installed:
    assert isinstance(stage.hv1, Installed)
    return stage.hv1


def expect(condition: object, what: str) -> None:
    if not condition:
        raise Failed(what)


def install(stage: Stage, package: str) -> None:
    """Installs another version; systemd has to start it."""
    hv1 = machine_of(stage)
    before = stage.agent.pid
    hv1.install(package)
    expect(stage.agent.pid not in (0, before), "vtepd was not restarted")
    hv1.machine.wait_active(UNIT)
    version = hv1.installed_version()
    expect(version in hv1.run("vtepd", "--version"), "it is the wrong version")
    expect(f"_{version}-" in package, f"{version} is installed")
    expect(OPTIONS in hv1.run("cat", DEFAULTS), f"{DEFAULTS} was overwritten")
    stage.wait_listed()


@fault("package-upgraded", "a later version is installed, then this one again")
def package_upgraded(stage: Stage) -> None:
    hv1 = machine_of(stage)
    install(stage, hv1.later)
    install(stage, hv1.package)


@fault("package-removed", "removed; later it is installed again")
def package_removed(stage: Stage) -> None:
    hv1 = machine_of(stage)
    before = (hv1.flows(), hv1.groups(), hv1.tunnels())
    hv1.apt_get("remove", "vtepd")
    expect(not stage.agent.is_running(), "vtepd is still running")
    expect(not hv1.installed_version(), "vtepd is still installed")
    expect((hv1.flows(), hv1.groups(), hv1.tunnels()) == before,
           "removal changed the switch")
    stage.probes.wait_sent(15_000)
    stage.agent.start()
    stage.wait_listed()


@fault("killed", "SIGKILL: systemd starts it again")
def killed(stage: Stage) -> None:
    hv1, before = machine_of(stage), stage.agent.pid
    hv1.machine.run("systemctl", "kill", "--signal=KILL", UNIT)
    wait_until(lambda: stage.agent.pid, "systemd starts vtepd again",
               until=lambda pid: pid not in (0, before))
    hv1.machine.wait_active(UNIT)
    stage.wait_listed()


@fault("hung", "SIGSTOP: systemd's watchdog has it start again")
def hung(stage: Stage) -> None:
    hv1, before = machine_of(stage), stage.agent.pid
    hv1.machine.root.write(f"{DROP_INS}/watchdog.conf",
                           "[Service]\nWatchdogSec=2\n")
    hv1.machine.run("systemctl", "daemon-reload")
    hv1.machine.run("systemctl", "restart", UNIT)
    before = stage.agent.pid
    hv1.machine.run("systemctl", "kill", "--signal=STOP", UNIT)
    wait_until(lambda: stage.agent.pid, "the watchdog ends vtepd", 30,
               until=lambda pid: pid not in (0, before))
    hv1.machine.wait_active(UNIT)
    expect("watchdog" in stage.agent.log().lower(), "it was not the watchdog")
    hv1.run("rm", "-r", DROP_INS)
    hv1.machine.run("systemctl", "daemon-reload")
    hv1.machine.run("systemctl", "restart", UNIT)
    stage.wait_listed()


@fault("switch-restarted", "systemctl restart openvswitch-switch",
       bound=NO_BOUND)
def switch_restarted(stage: Stage) -> None:
    """vtepd lives through it."""
    hv1, before = machine_of(stage), stage.agent.pid
    hv1.machine.run("systemctl", "restart", "openvswitch-switch")
    hv1.set_up_underlay()
    expect(stage.agent.pid == before, "vtepd was restarted, too")
    stage.wait_listed()


STEPS = [step for step in FAULTS if step.act.__module__ == __name__]


# Not measured.

def check_newcomer(hv1: Installed) -> str:
    """Right after "apt install": nothing is configured."""
    expect("vtepd waits for settings" in hv1.said,
           "apt-get does not say that settings are missing")
    unit = hv1.machine.unit(UNIT, "ActiveState", "StatusText", "UnitFileState")
    expect(unit["UnitFileState"] == "enabled", f"not enabled: {unit}")
    expect(unit["ActiveState"] == "activating", f"not waiting: {unit}")
    expect(unit["StatusText"], f"says nothing of itself: {unit}")
    return f'waits, and says "{unit["StatusText"]}"'


def check_webhook(stage: Stage) -> str:
    """Signed with the secret that LoadCredential brings."""
    segment = next(obj for obj in stage.cloud.objects("segment"))
    answer = stage.agent.webhook.put(segment)
    expect(answer.status == 204, f"a webhook is answered by {answer.status}")
    return "a signed webhook is taken, and answered by 204"


def check_verified(hv1: Installed) -> str:
    said = hv1.run("systemd-analyze", "verify", UNIT)
    expect("vtepd" not in said, said)
    return "no remark"


def check_closed(hv1: Installed) -> str:
    """The process as it runs there."""
    pid = hv1.machine.pid_of("vtepd")
    status = dict(line.split(":", 1) for line in Path(
        f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
        expect(int(status[name], 16) == 0, f"{name} is {status[name]}")
    expect(int(status["NoNewPrivs"]) == 1, "it may gain privileges")
    expect(int(status["Seccomp"]) == 2, "it may call what it wants")
    return "no capabilities, no new privileges, system calls filtered"


def check_manual(hv1: Installed) -> str:
    hv1.apt_get("install", "man-db")
    for name, word in (("8 vtepd", "approve-deletions"),
                       ("7 vtepd-flows", "port_security"),
                       ("5 vtepd-inventory", "allowed_pairs")):
        said = hv1.run("man", *name.split())
        expect(word in said, f"man {name} does not show {word}")
    return "man vtepd, vtepd-flows, vtepd-inventory"


COMPLETE = r"""
. /usr/share/bash-completion/bash_completion
_completion_loader "$1"
COMP_LINE="$*" COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
COMP_POINT=${#COMP_LINE}
complete -p "$1" >/dev/null || exit
function=$(complete -p "$1" | sed 's/.* -F \([^ ]*\).*/\1/')
"$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


def check_completion(hv1: Installed) -> str:
    hv1.apt_get("install", "bash-completion")
    for words, wanted in (
            ("vtepd --enc", "--encap-ip="),
            ("ovs-appctl -t vt", "vtepd"),
            ("ovs-appctl -t vtepd vtepd/ex", "vtepd/explain"),
            ("ovs-appctl -t vtepd vtepd/explain ", "b"),
            ("ovs-appctl -t vtepd vtepd/explain a ", "local"),
            ("ovs-appctl -t vtepd vtepd/endpoints bl", "blue")):
        said = hv1.run("bash", "-c", COMPLETE, "bash", *words.split(" "))
        expect(wanted in said.split(), f"{words}<Tab> gives {said!r}")
    return "options, commands, ids"


def check_explanation(stage: Stage) -> str:
    said = machine_of(stage).run("ovs-appctl", "-t", "vtepd", "vtepd/explain",
                                 "a", "b").strip().splitlines()[-1]
    expect("passes" in said, said)
    return said


def check_without_root(stage: Stage) -> str:
    """Open vSwitch as a user of its own, and vtepd as the same."""
    hv1 = machine_of(stage)
    hv1.run("useradd", "--system", "--user-group", USER)
    hv1.run("systemctl", "stop", "openvswitch-switch", "ovsdb-server")
    hv1.run("chown", "-R", f"{USER}:", *(f"{folder}/openvswitch" for folder in
                                         ("/etc", "/var/lib", "/var/log")))
    hv1.run("tee", "-a", "/etc/default/openvswitch-switch",
            stdin=f"OVS_CTL_OPTS=--ovs-user={USER}:{USER}\n")
    # Debian's unit makes this folder for root.
    hv1.machine.root.write(
        "/etc/systemd/system/ovsdb-server.service.d/user.conf",
        "[Service]\nRuntimeDirectory=\nExecStartPre=install -d -o"
        f" {USER} -g {USER} /run/openvswitch\n")
    hv1.run("mkdir", DROP_INS)
    hv1.run("cp", f"{EXAMPLES}/openvswitch-user.conf", DROP_INS)
    hv1.run("systemctl", "daemon-reload")
    hv1.run("systemctl", "stop", UNIT)
    hv1.start_switch()
    hv1.run("systemctl", "restart", UNIT)
    stage.make_even()
    for program in ("vtepd", "ovs-vswitchd"):
        uid = Path(f"/proc/{hv1.machine.pid_of(program)}").stat().st_uid
        expect(uid, f"{program} runs as root")
    check_webhook(stage)
    return "Open vSwitch and vtepd run without root"


def check_purge(stage: Stage) -> str:
    """Only what vtepd made goes."""
    hv1 = machine_of(stage)
    stage.agent.stop()
    hv1.ofctl("add-flow", INTEGRATION_BRIDGE,
              "cookie=0x1,table=250,actions=drop")
    hv1.vsctl("add-port", INTEGRATION_BRIDGE, "theirs", "--", "set",
              "Interface", "theirs", "type=gre",
              "options:remote_ip=192.0.2.77")
    ports = set(hv1.vsctl("list-ports", INTEGRATION_BRIDGE).split())
    tunnels = {row["name"] for row in hv1.tunnels()}
    underlay = hv1.flows(bridge="br-phy")
    hv1.apt_get("purge", "vtepd")
    hv1.run("rm", "-rf", DROP_INS)      # The operator's.
    expect(not hv1.tunnels(), "tunnel ports are left")
    expect(set(hv1.vsctl("list-ports", INTEGRATION_BRIDGE).split())
           == ports - tunnels, "ports of others are gone")
    left = hv1.flows()
    expect(len(left) == 1 and "cookie=0x1," in left[0], f"flows: {left}")
    expect(hv1.flows(bridge="br-phy") == underlay, "br-phy has changed")
    expect("vtepd-owner" not in hv1.run("ovsdb-client", "dump"),
           "rows of vtepd's are left")
    files = hv1.run("find", "/etc", "/var/lib", "/usr", "/run", "-name",
                    "*vtepd*", "-not", "-path", "/var/lib/dpkg/*", "-not",
                    # A killed daemon's.
                    "-name", "vtepd.*.ctl").split()
    expect(set(files) <= {"/etc/vtepd"}, f"files are left: {files}")
    expect("webhook-secrets" in hv1.run("ls", CREDENTIALS),
           "the operator's credentials are gone")
    return f"{len(tunnels)} tunnels and all flows gone, others' left"
