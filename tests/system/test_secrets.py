# SPDX-License-Identifier: Apache-2.0
"""No secret is ever told: not in the log at its most talkative, nor in what
operators and Prometheus are shown, in the database or in the state file."""

from __future__ import annotations

import re
import ssl
import subprocess
from pathlib import Path

from lab import agent as lab_agent
from lab.agent import Agent
from lab.cloud import Cloud
from lab.processes import run, wait_until
from lab.webhook import Webhook, new_secret, standard
from scene import Scene
from telling import newer

HYPERVISORS = 1


def certificate(folder: Path, name: str, address: str) -> tuple[Path, Path]:
    cert, key = folder / f"{name}.pem", folder / f"{name}-key.pem"
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
         f"/CN={name}", "-addext", f"subjectAltName=IP:{address}",
         "-keyout", str(key), "-out", str(cert)])
    key.chmod(0o600)
    return cert, key


def parts(key: Path) -> list[str]:
    """The lines of a private key."""
    lines = [line for line in key.read_text().splitlines()
             if not line.startswith("-")]
    assert lines
    return lines


def write_secret(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text)


def told(agent: Agent, hook: Webhook) -> dict[str, str]:
    """All that anybody is told, by where."""
    folder = agent.hypervisor.folder
    return {
        "the log": agent.log(),
        "standard error": agent.said(),
        "vtepd/status": agent.command("vtepd/status"),
        "vtepd/status json": agent.command("vtepd/status", "json"),
        "vtepd/metrics": agent.command("vtepd/metrics"),
        "GET /metrics": hook.request("GET", "/metrics").body.decode(),
        "GET /readyz": hook.request("GET", "/readyz").body.decode(),
        "the database": (folder / "conf.db").read_text(errors="replace"),
        "the state file": "".join(
            file.read_text(errors="replace") for file
            in agent.state_file.parent.iterdir() if file.is_file()),
        "the command line": Path(f"/proc/{agent.pid}/cmdline").read_text(),
    }


def test_no_secret_is_told(scene: Scene, tmp_path: Path) -> None:
    agent = scene.agents["hv1"]
    hook = agent.webhook
    api_cert, api_key = certificate(tmp_path, "api", scene.cloud.address)
    own_cert, own_key = certificate(tmp_path, "hv1", hook.address)
    token, right = tmp_path / "token", tmp_path / "right"
    write_secret(token, "wrong-geheim\n")
    write_secret(right, "right-geheim\n")
    secure = Cloud(scene.lab.cloud_ns, scene.cloud.address, scene.lab.folder,
                   8443, (api_cert, api_key), right)
    secure.start("--client-ca", str(own_cert))
    secrets = [hook.secrets[0], new_secret(), new_secret()]
    tls = ssl.create_default_context(cafile=str(own_cert))
    listener = Webhook(hook.namespace, hook.address, tmp_path, tls=tls)
    listener.secrets = hook.secrets
    agent.stop()
    agent.settings["inventory"] = secure.url
    try:
        agent.start("-vANY:FILE:DBG", f"--api-ca={api_cert}",
                    f"--api-token-file={token}", f"--api-cert={own_cert}",
                    f"--api-key={own_key}", f"--webhook-cert={own_cert}",
                    f"--webhook-key={own_key}")
        agent.wait_logged("HTTP 401")
        write_secret(token, "right-geheim\n")
        scene.segment("blue", 77)
        a = scene.vm("a", "blue", "hv1")
        agent.resync()
        wait_until(lambda: agent.show("status")["inventory"]["whole"],
                   "the token is taken", 30)

        # Webhooks, with good and bad signatures, while secrets change.
        assert listener.put(newer(a.endpoint())).status in (202, 204)
        hook.set_secrets(*secrets)
        listener.secrets = secrets[1:]
        wait_until(lambda: listener.put(newer(a.endpoint())).status,
                   "the new secret is taken",
                   until=lambda status: status in (202, 204))
        listener.secrets = [new_secret()]
        assert listener.post(standard("put", a.endpoint())).status == 401
        for broken in f"{secrets[2]}\n{secrets[2][:-3]}!\n", "no-geheim\n":
            offset = agent.log_size()
            write_secret(hook.secret_file, broken)
            agent.wait_logged(str(hook.secret_file), offset)
        write_secret(own_key, "\n".join(["-----BEGIN PRIVATE KEY-----",
                                         "Z2VoZWltZ2VoZWlt", "-----END"]))
        agent.wait_logged("certificate in use stays", offset)

        unwanted = ["geheim", "Z2VoZWlt", *parts(api_key),
                    *(secret.removeprefix("whsec_").rstrip("=")[:-4]
                      for secret in secrets)]
        for where, text in told(agent, listener).items():
            assert text or where == "standard error"
            for secret in unwanted:
                assert secret not in text, f"{where} has {secret}"
    finally:
        agent.stop()
        agent.settings["inventory"] = scene.cloud.url
        hook.set_secrets(new_secret())
        agent.start()
        secure.stop()


URLS = ["http://user:geheim@198.51.100.1/", "http://geheim@198.51.100.1/",
        "http://198.51.100.1/?token=geheim", "http://198.51.100.1/#geheim"]


def test_no_secret_of_a_url_is_told(scene: Scene) -> None:
    """Who writes one into the database has told it; vtepd refuses it, and
    says nothing of it beyond the rows that its IDL shows at debug level."""
    agent = scene.agents["hv1"]
    shown = []
    agent.command("vlog/set", "ANY:FILE:DBG")
    try:
        for url in URLS:
            offset = agent.log_size()
            scene.settings(agent, inventory=url)
            agent.wait_logged("setting refused", offset)
            shown += [agent.command("vtepd/status"),
                      agent.command("vtepd/status", "json"),
                      agent.command("vtepd/metrics")]
            assert "refused" in shown[-2]
    finally:
        agent.command("vlog/set", "ANY:FILE:INFO")
    log = [line for line in agent.log().splitlines()
           if not re.search(r"\|jsonrpc\|DBG\|", line)]
    for text in (*log, *shown):
        assert "geheim" not in text
    for url in URLS:
        done = subprocess.run([lab_agent.program(), f"--inventory={url}"],
                              capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "inventory" in done.stderr
        assert "geheim" not in done.stdout + done.stderr
