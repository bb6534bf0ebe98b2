# SPDX-License-Identifier: Apache-2.0
"""The lab itself: it cleans up after itself, and the demo works."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from lab import netns
from lab.lab import BASE, Lab, lab_names
from lab.ping import PingResult
from lab.processes import CommandError, run, wait_until

TESTS = Path(__file__).resolve().parents[1]

HOLDER = f"""
import sys, time
sys.path.insert(0, {str(TESTS)!r})
from lab.lab import Lab
with Lab(2, agents=False) as lab:
    print(lab.name, flush=True)
    {{}}
    time.sleep(1000)
"""


def heed_signals() -> None:
    """Whatever the caller of the tests ignores: nohup, a shell's "&"."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def holder() -> Iterator:
    """Starts processes with a lab each; yields a function for it."""
    started: list[subprocess.Popen] = []

    def start(extra: str = "") -> tuple[subprocess.Popen, str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER.format(extra)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            preexec_fn=heed_signals)
        started.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def heed_signals() -> None:
    """Whatever the caller of the tests ignores, as nohup does SIGHUP."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def traces(name: str) -> list[str]:
    """All that is left of a lab."""
    return ([part for part in netns.names() if part.startswith(f"{name}-")]
            + [str(path) for path in BASE.glob(name)]
            + [pid.name for pid in Path("/proc").glob("[0-9]*")
               if f"{BASE}/{name}".encode() in command_line(pid)])


def command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM,
                                    signal.SIGHUP])
def test_nothing_is_left_after_a_signal(holder, number: int) -> None:
    process, name = holder()
    assert len(traces(name)) > 5
    process.send_signal(number)
    assert process.wait(20) != 0
    assert traces(name) == []


def test_nothing_is_left_after_an_exception(holder) -> None:
    process, name = holder("raise ValueError")
    assert process.wait(20) != 0
    assert traces(name) == []


def test_killed_lab_is_removed_by_the_next(holder) -> None:
    """And one that lives is not."""
    process, name = holder()
    _, living = holder()
    with pytest.raises(CommandError, match="running"):
        run([sys.executable, str(TESTS / "lab" / "lab.py"), "remove", living])
    process.kill()
    process.wait()
    assert traces(name)
    alive = traces(living)
    with Lab(1, agents=False):
        assert traces(name) == []
        assert traces(living) == alive


def test_kept_lab_stays_until_it_is_removed(holder) -> None:
    process, name = holder("lab.keep(); sys.exit()")
    process.wait(20)
    with Lab(1, agents=False):
        assert name in lab_names()
    on = str(BASE / name / "on")
    for arguments in ([], ["hv1"]):
        with pytest.raises(CommandError, match=r"on WHERE COMMAND.*hv1"):
            run([on, *arguments])
    assert "br-phy" in run([on, "hv1", "ovs-vsctl", "show"])
    listed = run([on, "cloud", "curl", "-s",
                  "http://198.51.100.1:8080/v1/objects"])
    assert json.loads(listed)["items"] == []
    run([sys.executable, str(TESTS / "lab" / "lab.py"), "remove", name])
    assert traces(name) == []


def test_late_answers_are_answers() -> None:
    """Nothing is lost when the switch does nothing for a moment."""
    with Lab(1, agents=False) as lab:
        hv1 = lab.hypervisors["hv1"]
        hv1.create_bridge()
        hv1.ofctl("add-flow", "br-int", "actions=normal")
        a, b = (lab.vm(name, "blue", [f"10.0.0.{n}", f"fd00::{n}"])
                for n, name in enumerate("ab", 1))
        for vm in (a, b):
            vm.plug(hv1)
        for address in b.ips:
            a.wait_reaches(address)
            with ThreadPoolExecutor(1) as pool, b.raw() as port:
                result = pool.submit(a.ping, address, 10)
                port.receive_until(lambda frame: "icmp" in frame.kind)
                with hv1.switch_suspended():
                    time.sleep(0.5)
                assert result.result() == PingResult(10, 10, 0)
            assert a.ping(f"{address[:-1]}9", count=3, wait=0.1).lost == 3


def test_demo() -> None:
    """Tells its story, plainly where there is no terminal, and leaves nothing
    behind."""
    before = set(lab_names())
    done = subprocess.run(
        [sys.executable, str(TESTS / "lab" / "demo.py")], text=True,
        capture_output=True, timeout=120, check=False,
        env={**os.environ, "KEEP": ""})
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 flooded" in done.stdout
    assert "\033" not in done.stdout
    # It shows what it does.
    assert "$ ovs-ofctl -O OpenFlow15 " in done.stdout
    assert "goto_table:" in done.stdout and "(without br-phy" in done.stdout
    # A lab that is new may be somebody else's, who is alive then.
    assert [name for name in set(lab_names()) - before
            if not owner(BASE / name)] == []
    known = set(lab_names())
    labs = {part.partition("-")[0] for part in netns.names()
            if re.fullmatch(r"vl[0-9a-f]{4}-.*", part)}
    assert labs <= known | set(lab_names())


def test_demo_interrupted() -> None:
    process = subprocess.Popen(
        [sys.executable, str(TESTS / "lab" / "demo.py")], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        preexec_fn=lambda: signal.signal(signal.SIGINT,
                                         signal.default_int_handler))
    said = ""
    while "2. The first virtual machine" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    mine = [name for name in lab_names()
            if owner(BASE / name) == process.pid]
    assert len(mine) == 1
    process.send_signal(signal.SIGINT)
    said += process.communicate(timeout=30)[0]
    assert process.returncode == 130, said
    assert "Traceback" not in said
    wait_until(lambda: traces(mine[0]), "nothing is left",
               until=lambda left: not left)


def owner(folder: Path) -> int:
    """The process that holds a lab's lock."""
    inode = (folder / "lock").stat().st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        words = line.split()
        if words[1] == "FLOCK" and words[5].endswith(f":{inode}"):
            return int(words[4])
    return 0
