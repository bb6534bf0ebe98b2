# SPDX-License-Identifier: Apache-2.0
"""The inventory over HTTP: what is asked for, and what is not believed."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bad_lists import BAD_OBJECTS, bad_lists
from lab import cloud
from lab.agent import Agent
from lab.cloud import Cloud
from lab.processes import run, wait_until
from scene import Scene

HYPERVISORS = 2


def only_hv1(scene: Scene) -> Agent:
    """From now on only hv1 asks for lists, and each failure is logged."""
    scene.settings(scene.agents["hv2"], poll="3600")
    scene.pass_lists("hv2", 1)
    agent = scene.agents["hv1"]
    agent.command("vlog/disable-rate-limit")
    return agent


def complaints(agent: Agent, offset: int) -> list[str]:
    """Warnings and errors, without those of a busy machine's late polls."""
    return [line for line in agent.log_since(offset).splitlines()
            if re.search(r"\|(WARN|ERR|EMER)\|", line)
            and "|timeval|" not in line
            and "a pass of the main loop took" not in line]


def test_bad_lists(scene: Scene) -> None:
    """Each is told in one line, and changes nothing that works."""
    a, b = scene.pair()
    agent = only_hv1(scene)
    before = scene.settle("hv1")
    cases = bad_lists(scene.cloud.objects())
    assert len(cases) >= 40
    wrong = []
    with a.pinging(b.ipv4, interval=0.05) as finish:
        for name, fault in cases.items():
            trouble = one_bad_list(scene, agent, fault)
            if trouble or scene.state("hv1") != before:
                wrong.append(f"{name}: {trouble or 'the switch changed'}")
                scene.wait_state("hv1", before)
        assert not wrong, "\n".join(wrong)
        assert finish().lost == 0
    assert agent.is_running()


def one_bad_list(scene: Scene, agent: Agent, fault: dict) -> str:
    """Serves one bad list, waits until it was followed by a good one;
    returns what was not as it should be."""
    offset = agent.log_size()
    scene.cloud.forget_requests()
    scene.cloud.inject(**fault)
    agent.resync()
    wait_until(scene.cloud.requests, "a good list followed the bad one", 40,
               until=lambda requests: any(
                   request.get("fault") for request in requests[:-1])
               and not requests[-1].get("fault"))
    # The good one may yet be on its way; the next begins after it.
    scene.pass_lists("hv1", 1)
    lines = complaints(agent, offset)
    if len(lines) != 1:
        return f"{len(lines)} lines were logged: {lines}"
    if len(lines[0]) > 600 or not lines[0].isprintable():
        return f"not a clear line: {lines[0]!r}"
    return ""


def test_bad_objects(scene: Scene) -> None:
    """Each is named once, with the member that is wrong, and left out; the
    rest of the same list works, and so does what it was before."""
    a, b = scene.pair()
    agent = only_hv1(scene)
    before = scene.settle("hv1")
    offset = agent.log_size()
    bad = [{**obj, "id": f"bad-{n}"}
           for n, (_, obj) in enumerate(BAD_OBJECTS)]
    scene.put(*bad, {**b.endpoint(), "mac": "no MAC"})
    scene.pass_lists("hv1", 3)
    lines = complaints(agent, offset)
    wrong = []
    for n, (member, obj) in enumerate(BAD_OBJECTS):
        about = [line for line in lines
                 if re.search(rf"\bbad-{n}\b", line)]
        if len(about) != 1 or f"{member}" not in about[0]:
            wrong.append(f"{obj}: {member}: {about}")
    assert not wrong, "\n".join(wrong)
    assert scene.state("hv1") == before
    assert a.ping(b.ipv4, count=5).received == 5
    # Once corrected they count.
    scene.cloud.put({**BAD_OBJECTS[0][1], "id": "bad-0", "revision": 1})
    scene.remote("x", "blue", "bad-0")
    scene.lab.resync()
    scene.wait_peers("hv1", "bad-0", "hv2")


def test_same_id_twice_in_a_list(scene: Scene) -> None:
    """Whichever stands first, b stays as it is known, and it is told."""
    a, b = scene.pair()
    agent = only_hv1(scene)
    before = scene.settle("hv1")
    items = scene.cloud.objects()
    twin = {**b.endpoint(), "mac": "02:00:00:00:ee:ee", "ips": ["10.0.0.66"],
            "revision": 1}
    for order in ([twin, *items], [*items, twin]):
        offset = agent.log_size()
        scene.cloud.inject(body=json.dumps(
            {"version": "twice", "items": order}))
        agent.resync()
        agent.wait_logged('the first is endpoint "b"', offset)
        scene.pass_lists("hv1")
        scene.wait_state("hv1", before)
        assert a.ping(b.ipv4, count=3).received == 3


def test_pages(scene: Scene) -> None:
    """A list of many pages is whole only with its last one."""
    a, b = scene.pair()
    agent = only_hv1(scene)
    scene.cloud.set_page_size(2)
    try:
        before = scene.settle("hv1")
        requests = [request["path"] for request in scene.cloud.requests()]
        assert any("cursor=" in path for path in requests)
        # The second page goes wrong in some way, once.
        for fault in ({"status": 500}, {"body": "{"},
                      {"body": '{"version":"other","items":[]}'},
                      {"body": '{"items":[]}'}, {"pass_through": True,
                                                 "truncate": 20}):
            scene.cloud.forget_requests()
            scene.cloud.inject(after_page=1, **fault)
            agent.resync()
            wait_until(scene.cloud.requests, "the fault has been met",
                       until=lambda seen: any(request.get("fault")
                                              for request in seen))
            scene.pass_lists("hv1", 12)
            assert scene.state("hv1") == before, fault
        # Changes while listing: begun again, never mixed.
        for n in range(20):
            scene.cloud.put(cloud.host(f"other{n}", f"192.0.2.{100 + n}"))
        scene.connect(a, b)
    finally:
        scene.cloud.set_page_size(5000)


def test_pages_that_never_end(scene: Scene) -> None:
    a, b = scene.pair()
    agent = only_hv1(scene)
    before = scene.settle("hv1")
    offset = agent.log_size()
    scene.cloud.inject(count=-1, body='{"version":"v","items":[],"next":"x"}')
    agent.resync()
    wait_until(lambda: complaints(agent, offset), "it is told")
    scene.cloud.clear_faults()
    agent.resync()
    scene.wait_state("hv1", before)
    assert a.ping(b.ipv4, count=3).received == 3


def test_r55_conditional_requests(scene: Scene) -> None:
    """What has not changed is not sent again."""
    scene.pair()
    only_hv1(scene)
    scene.settle("hv1")
    scene.cloud.forget_requests()
    requests = wait_until(scene.cloud.requests, "two polls",
                          until=lambda seen: len(seen) >= 3)
    assert [request["status"] for request in requests[-2:]] == [304, 304]
    for request in requests:
        assert request["headers"]["accept"] == "application/json"
        assert "host=hv1" in request["path"] and "limit=" in request["path"]


def test_r55_retry_after(scene: Scene) -> None:
    scene.pair()
    agent = only_hv1(scene)
    scene.cloud.forget_requests()
    scene.cloud.inject(status=503, headers={"Retry-After": "3"})
    agent.resync()
    requests = wait_until(scene.cloud.requests, "it has asked again", 20,
                          until=lambda seen: any(
                              r.get("fault") for r in seen[:-1]))
    at = [request["time"] for request in requests]
    fault = next(n for n, r in enumerate(requests) if r.get("fault"))
    assert 2.9 < at[fault + 1] - at[fault]


def test_r50_api_is_away(scene: Scene) -> None:
    """Everything goes on; afterwards it catches up by itself."""
    a, b = scene.pair()
    before = scene.settle("hv1")
    offset = scene.agents["hv1"].log_size()
    objects = scene.cloud.objects()
    with a.pinging(b.ipv4) as finish:
        scene.cloud.stop()
        scene.agents["hv1"].resync()
        wait_until(lambda: complaints(scene.agents["hv1"], offset),
                   "it is told")
        assert scene.state("hv1") == before
        scene.cloud.start()
        scene.cloud.replace(*objects)
        scene.pass_lists("hv1")
        assert finish().lost == 0
    assert scene.state("hv1") == before
    late = scene.vm("late", "blue", "hv2")
    scene.connect(a, late)


def test_slow_answer(scene: Scene) -> None:
    """While an answer is awaited, everything else goes on."""
    a, b = scene.pair()
    agent = only_hv1(scene)
    scene.cloud.inject(pass_through=True, delay=60)
    scene.cloud.forget_requests()
    agent.resync()
    a.unplug()
    a.plug(scene.hv["hv1"])
    wait_until(a.is_installed, "a is installed")
    a.wait_reaches(b.ipv4)
    assert not scene.cloud.requests(), "the slow answer is not there yet"
    agent.command("vtepd/status")
    # A new source does not wait for what the old one has asked for.
    scene.settings(agent, poll="2")
    scene.pass_lists("hv1", 1)


def test_bearer_token_and_tls(scene: Scene, tmp_path: Path) -> None:
    """A second API, with TLS and a token, for hv1.  Without the right CA and
    the right token nothing is believed, and no secret is told."""
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    before = scene.settle("hv1")
    cert, key, token = (tmp_path / name for name in ("cert", "key", "token"))
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
         "/CN=api", "-addext", f"subjectAltName=IP:{scene.cloud.address}",
         "-keyout", str(key), "-out", str(cert)])
    token.write_text("wrong-geheim\n")
    token.chmod(0o600)
    right = tmp_path / "right"
    right.write_text("right-geheim\n")
    secure = Cloud(scene.lab.cloud_ns, scene.cloud.address, scene.lab.folder,
                   8443, (cert, key), right)
    secure.start()
    offset = agent.log_size()
    try:
        secure.put(*scene.cloud.objects())
        scene.settings(agent, inventory=secure.url)
        # No CA of ours: refused.
        wait_until(lambda: [line for line in complaints(agent, offset)
                            if "certificate" in line.lower()],
                   "the certificate is refused")
        assert not [r for r in secure.requests() if "status" in r]
        # Options for files are on the command line only.
        agent.stop()
        agent.settings["inventory"] = secure.url
        agent.start(f"--api-ca={cert}", f"--api-token-file={token}")
        wait_until(lambda: [line for line in complaints(agent, offset)
                            if "401" in line], "the token is refused")
        assert scene.state("hv1") == before
        token.write_text("right-geheim\n")
        late = scene.vm("late", "blue", "hv2")
        secure.put(late.endpoint())
        wait_until(secure.requests, "it is let in", 30,
                   until=lambda seen: any(r.get("status") == 200
                                          for r in seen))
        scene.connect(a, b, late)
        everything = agent.log() + agent.command("vtepd/status")
        assert "geheim" not in everything
    finally:
        agent.stop()
        agent.settings["inventory"] = scene.cloud.url
        agent.start()
        secure.stop()


def test_file_inventory(scene: Scene) -> None:
    """file: holds one page, and is read again when it changes."""
    a, b = scene.pair()
    page = scene.lab.folder / "inventory.json"

    def write(version: str, *more: dict) -> None:
        fresh = page.with_suffix(".new")
        fresh.write_text(json.dumps(
            {"version": version, "items": [*scene.cloud.objects(), *more]}))
        fresh.rename(page)

    write("1")
    scene.settings(scene.agents["hv1"], inventory=f"file:{page}")
    c = scene.vm("c", "blue", "hv2", plug=False)
    scene.cloud.put(c.endpoint(host="hv2"))
    c.plug(scene.hv["hv2"])
    scene.ready(c)
    write("2")
    scene.connect(a, b, c)
    offset = scene.agents["hv1"].log_size()
    before = scene.state("hv1")
    page.write_text('{"version":')
    wait_until(lambda: complaints(scene.agents["hv1"], offset), "it is told")
    assert scene.state("hv1") == before
    write("3")
    scene.connect(a, b, c)


def test_r61_references_to_what_is_not_there(scene: Scene) -> None:
    """Reported by name, and healed when it comes."""
    a, b = scene.pair()
    offset = scene.agents["hv1"].log_size()
    scene.remote("lost1", "nowhere", "hv2")
    scene.remote("lost2", "blue", "nobody")
    scene.lab.resync()
    for words in (("lost1", "nowhere"), ("lost2", "nobody")):
        line = scene.agents["hv1"].wait_logged(words[0], offset)
        assert words[1] in line
    assert a.ping(b.ipv4, count=3).received == 3
    scene.put(cloud.host("nobody", "192.0.2.88"))
    scene.wait_peers("hv1", "hv2", "nobody")
