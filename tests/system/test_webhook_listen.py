# SPDX-License-Identifier: Apache-2.0
"""The listener: where it listens, who may speak to it, when it is ready."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab import agent as lab_agent
from lab import cloud
from lab.agent import Agent
from lab.processes import CommandError, run, wait_until
from lab.webhook import Webhook, new_secret
from scene import Scene
from telling import counts, known, newer

HYPERVISORS = 1
SETTINGS = {"poll": "3600"}
WATCHED = False         # It is webhooks that tell.

C = cloud.endpoint("c", "blue", "far-away", "02:00:00:00:0c:0c",
                   ["10.0.0.12"])


def begin(scene: Scene) -> Agent:
    scene.put(cloud.segment("blue", 77))
    scene.pass_lists("hv1", 1)
    return scene.agents["hv1"]


def start_fails(scene: Scene, *options: str) -> str:
    """Starts a second vtepd, which does not come up; returns what it says."""
    hypervisor = scene.hv["hv1"]
    with pytest.raises(CommandError) as error:
        hypervisor.namespace.run(
            [lab_agent.program(), "--host=other", "--bridge=br-other",
             f"--inventory={scene.cloud.url}", "--encap-ip=192.0.2.99",
             f"--state-dir={hypervisor.folder}/other-state",
             f"--unixctl={hypervisor.folder}/other.ctl", *options,
             f"unix:{hypervisor.folder}/db.sock"], timeout=10,
            env=hypervisor.env)
    assert error.value.status == 1
    return error.value.output


@pytest.mark.parametrize("listen", [
    "0.0.0.0:8444", "198.51.100.11:8444", "[::]:8444", "[2001:db8::1]:8444"])
def test_foreign_address_without_secret_does_not_start(scene: Scene,
                                                       listen: str) -> None:
    said = start_fails(scene, f"--webhook-listen={listen}")
    assert listen in said and "--webhook-secret-file" in said


@pytest.mark.parametrize("option", [
    "--webhook-listen=8444", "--webhook-listen=localhost:8444",
    "--webhook-listen=127.0.0.1:0", "--webhook-listen=127.0.0.1:65536",
    "--webhook-cert=/nowhere", "--webhook-key=/nowhere"])
def test_bad_options_do_not_start(scene: Scene, option: str) -> None:
    assert option.partition("=")[0] in start_fails(scene, option)


def test_setting_changes_while_running(scene: Scene) -> None:
    """Off and on, to another port; a value that cannot be is refused, and
    what was before stays."""
    agent = begin(scene)
    old = agent.webhook
    other = Webhook(old.namespace, old.address, scene.lab.folder, 8444)
    other.secrets = old.secrets

    def is_listening(hook: Webhook) -> bool:
        try:
            return hook.request("GET", "/healthz").status == 200
        except ConnectionRefusedError:
            return False

    assert is_listening(old) and not is_listening(other)
    scene.settings(agent, webhook_listen=other.listen)
    wait_until(lambda: is_listening(other), "it listens on the other port")
    assert not is_listening(old)
    assert other.put(newer(C), wait=None).status == 202
    scene.settings(agent, webhook_listen="nonsense")
    wait_until(lambda: agent.show("status")["settings"]["webhook_listen"],
               "the value is refused",
               until=lambda setting: setting["refused"] == "nonsense")
    assert is_listening(other)
    agent.set(webhook_listen=None)
    wait_until(lambda: not is_listening(other), "it does not listen")
    assert not counts(agent)["listening"]
    agent.set(webhook_listen=old.listen)
    wait_until(lambda: is_listening(old), "it listens as before")


@contextmanager
def started_with(agent: Agent, *options: str) -> Iterator[None]:
    """vtepd was started with other options meanwhile."""
    agent.stop()
    agent.start(*options)
    try:
        yield
    finally:
        agent.restart()


def test_bad_secret_files(scene: Scene, tmp_path: Path) -> None:
    """Nothing listens that would let everyone in, and it says why; once the
    file is mended, it does."""
    agent = begin(scene)
    path = tmp_path / "secrets"
    good = agent.webhook.secrets[0]
    cases = {
        "nothing": None,
        "an empty file": "",
        "no secret": "# no secret yet\n",
        "no base64": "whsec_***\n",
        "no prefix": "geheim\n",
        "too short": "whsec_AAAA\n",
        "a good one and a bad one": f"{good}\nwhsec_***\n",
    }
    for name, content in cases.items():
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(content)
            path.chmod(0o600)
        offset = agent.log_size()
        with started_with(agent, f"--webhook-secret-file={path}"):
            line = agent.wait_logged("webhook", offset)
            line = agent.wait_logged(str(path), offset)
            assert good[6:] not in line and "geheim" not in line, name
            assert not counts(agent)["listening"], name
            with pytest.raises(ConnectionRefusedError):
                agent.webhook.request("GET", "/healthz")


def test_secret_file_that_others_can_read(scene: Scene, tmp_path: Path
                                          ) -> None:
    agent = begin(scene)
    path = tmp_path / "secrets"
    path.write_text(f"{agent.webhook.secrets[0]}\n")
    path.chmod(0o644)
    offset = agent.log_size()
    with started_with(agent, f"--webhook-secret-file={path}"):
        agent.wait_logged(str(path), offset)
        assert not counts(agent)["listening"]


def test_secret_file_that_goes_bad(scene: Scene) -> None:
    """The last good secrets stay, and the status says what is wrong."""
    agent = begin(scene)
    hook = agent.webhook
    good = hook.secrets
    try:
        hook.set_secrets("whsec_***")
        hook.secrets = good
        wait_until(lambda: (hook.put(newer(C), wait=None).status,
                            counts(agent)["error"]), "the error is shown",
                   until=lambda seen: seen[1])
        assert hook.put(newer(C), wait=None).status == 202
        new = new_secret()
        hook.set_secrets(new)
        wait_until(lambda: hook.put(newer(C), wait=None).status,
                   "the new secret is taken", until=lambda n: n == 202)
        assert counts(agent)["error"] is None
    finally:
        hook.set_secrets(*good)


def certificate(folder: Path, address: str) -> tuple[Path, Path]:
    cert, key = folder / "cert.pem", folder / "key.pem"
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
         "/CN=hv1", "-addext", f"subjectAltName=IP:{address}",
         "-keyout", str(key), "-out", str(cert)])
    key.chmod(0o600)
    return cert, key


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
def test_tls(scene: Scene, tmp_path: Path) -> None:
    """Both the certificate and the signature count, and another certificate
    is used as soon as its files are there."""
    agent = begin(scene)
    hook = agent.webhook
    cert, key = certificate(tmp_path, hook.address)
    with started_with(agent, f"--webhook-cert={cert}", f"--webhook-key={key}"):
        wait_until(lambda: counts(agent)["listening"], "it listens")
        assert counts(agent)["tls"]
        trusting = ssl.create_default_context(cafile=str(cert))
        secure = Webhook(hook.namespace, hook.address, tmp_path, tls=trusting)
        secure.secrets = hook.secrets
        scene.pass_lists("hv1", 1)
        assert secure.put(newer(C)).status == 204
        assert "c" in known(agent)
        assert secure.request("POST", body=b"{}", headers={
            "Content-Type": "application/json"}).status == 401
        # No plain HTTP, no protocol of the last century.
        with pytest.raises((ConnectionError, OSError)):
            hook.request("GET", "/healthz")
        outdated = ssl.create_default_context(cafile=str(cert))
        outdated.minimum_version = outdated.maximum_version \
            = ssl.TLSVersion.TLSv1_1
        with pytest.raises(OSError):
            Webhook(hook.namespace, hook.address, tmp_path,
                    tls=outdated).request("GET", "/healthz")
        certificate(tmp_path, hook.address)
        renewed = Webhook(hook.namespace, hook.address, tmp_path,
                          tls=ssl.create_default_context(cafile=str(cert)))

        def is_renewed() -> bool:
            try:
                return renewed.request("GET", "/healthz").status == 200
            except ssl.SSLError:
                return False

        wait_until(is_renewed, "the new certificate is used")


def test_loopback_needs_no_secret(scene: Scene) -> None:
    """For an orchestrator's own agent on this host."""
    agent = begin(scene)
    hypervisor = scene.hv["hv1"]
    bare = Webhook(hypervisor.namespace, "127.0.0.1", scene.lab.folder)
    plain = Agent(hypervisor, scene.cloud.url, {
        "webhook-listen": bare.listen, "poll": "3600"})
    agent.stop()
    plain.start()
    try:
        scene.pass_lists("hv1", 1)
        answer = bare.request(
            "POST", body=b'{"type":"endpoint.put","data":{"kind":"endpoint",'
            b'"id":"loopback","segment":"blue","host":"far-away",'
            b'"mac":"02:00:00:00:0c:0c","ips":[]}}',
            headers={"Content-Type": "application/json"})
        assert answer.status == 202, answer
        assert "loopback" in known(agent)
        # From outside there is nothing to speak to.
        with pytest.raises(ConnectionRefusedError):
            agent.webhook.request("GET", "/healthz")
    finally:
        plain.stop()
        agent.start()


def test_r48_ready_only_with_an_inventory(scene: Scene) -> None:
    """Before the first whole inventory it is healthy, not ready, and
    takes no events, which would be all that it knew."""
    agent = begin(scene)
    a = scene.vm("a", "blue", "hv1")
    scene.ready(a)
    assert agent.webhook.request("GET", "/readyz").status == 200
    agent.stop()
    shutil.rmtree(agent.hypervisor.folder / "vtepd-state")
    scene.hv["hv1"].ofctl("del-flows", "br-int")
    scene.cloud.inject(count=-1, status=500)
    agent.start()
    hook = agent.webhook
    wait_until(lambda: agent.show("status")["inventory"]["failures"],
               "the API has failed")
    assert hook.request("GET", "/healthz").status == 200
    ready = hook.request("GET", "/readyz")
    assert ready.status == 503
    answer = hook.put(newer(C))
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "inventory" in answer.problem()["detail"]
    assert not known(agent)
    scene.cloud.clear_faults()
    agent.resync()
    wait_until(lambda: hook.request("GET", "/readyz").status, "it is ready",
               until=lambda status: status == 200)
    # Ready is said no sooner than the flows are there.
    assert [line for line in scene.hv["hv1"].flows() if a.mac in line]
    assert hook.put(newer(C)).status == 204
