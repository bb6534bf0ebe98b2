# SPDX-License-Identifier: Apache-2.0
"""GET /metrics: the format, and numbers that follow what happens."""

from __future__ import annotations

from lab import cloud
from lab.metrics import Metrics
from lab.processes import wait_until
from lab.webhook import standard
from scene import Scene, broadcast, heard
from telling import newer

HYPERVISORS = 2


def scrape(scene: Scene, host: str = "hv1") -> Metrics:
    answer = scene.agents[host].webhook.request("GET", "/metrics")
    assert answer.status == 200
    return Metrics(answer.body.decode())


def wait_metric(scene: Scene, what: str, name: str, *, until, **labels: str
                ) -> float:
    """Waits until the sum of these samples is as wanted."""
    return wait_until(lambda: scrape(scene).sum(name, **labels),
                      f"{what}: {name} {labels}", until=until)


def wait_counters(scene: Scene) -> Metrics:
    """Waits until the switch has been asked for its counters."""
    return wait_until(lambda: scrape(scene), "the switch was asked",
                      until=lambda metrics: list(metrics.select(
                          "vtepd_switch_counters_age_seconds")))


def test_format(scene: Scene) -> None:
    """promtool accepts it without a remark, once every metric has samples."""
    scene.pair()
    metrics = wait_counters(scene)
    assert metrics.check() == ""
    for name, kind in metrics.types.items():
        suffix = "_count" if kind == "histogram" else ""
        assert list(metrics.select(name + suffix)), f"{name} has no samples"


def test_answer(scene: Scene) -> None:
    webhook = scene.agents["hv1"].webhook
    answer = webhook.request("GET", "/metrics")
    assert answer.headers["content-type"] \
        == "text/plain; version=0.0.4; charset=utf-8"
    head = webhook.request("HEAD", "/metrics")
    assert head.status == 200 and head.body == b""
    assert head.headers["content-type"] == answer.headers["content-type"]
    refusal = webhook.request("POST", "/metrics", b"x")
    assert refusal.status == 405 and refusal.headers["allow"] == "GET, HEAD"
    shown = Metrics(scene.agents["hv1"].command("vtepd/metrics"))
    assert shown.types == Metrics(answer.body.decode()).types


def test_what_is_there(scene: Scene) -> None:
    """Desired and installed, as Open vSwitch's own tools count it."""
    scene.pair()
    hypervisor = scene.hv["hv1"]
    metrics = wait_counters(scene)
    assert metrics.get("vtepd_ready") == 1
    assert metrics.get("vtepd_host_info", host="hv1", bridge="br-int") == 1
    assert metrics.get("vtepd_inventory_objects", kind="endpoint") == 3
    assert metrics.get("vtepd_inventory_objects", kind="segment") == 2
    assert 0 <= metrics.get("vtepd_inventory_age_seconds") < 60
    for what in ("placed", "desired", "installed", "remote"):
        assert metrics.get(f"vtepd_endpoints_{what}") == 1, what
    assert metrics.get("vtepd_live_segments") == 1
    assert metrics.get("vtepd_peer_tunnel_up", peer="hv2", type="vxlan") == 1
    assert metrics.get("vtepd_tunnels", type="vxlan", state="up") == 1
    assert metrics.sum("vtepd_tunnels") == 1
    assert metrics.sum("vtepd_conflicts") == 0
    assert metrics.get("vtepd_flows_desired") == len(hypervisor.flows())
    assert metrics.get("vtepd_groups_desired") == len(hypervisor.groups())
    wait_metric(scene, "flows are as desired", "vtepd_flows_installed",
                until=lambda n: n == len(hypervisor.flows()))
    wait_metric(scene, "groups are as desired", "vtepd_groups_installed",
                until=lambda n: n == len(hypervisor.groups()))


def test_drops(scene: Scene) -> None:
    """Counted by cause; a flow that goes does not take its count along."""
    a, b = scene.pair()

    def dropped() -> float:
        return scrape(scene).sum("vtepd_dropped_packets_total",
                                 cause="broadcast")

    before = wait_counters(scene).get("vtepd_dropped_packets_total",
                                      cause="broadcast")
    heard(a, [broadcast(a)] * 5, b)
    after = wait_until(dropped, "what was dropped is counted", timeout=30,
                       until=lambda n: n >= before + 5)
    scene.patch("segment", "blue", broadcast="replicate")
    wait_until(lambda: scrape(scene).get(
        "vtepd_switch_counters_age_seconds"), "it was asked again",
        timeout=30, until=lambda age: age < 3)
    assert dropped() >= after


def test_webhooks(scene: Scene) -> None:
    a, _ = scene.pair()
    webhook = scene.agents["hv1"].webhook
    before = scrape(scene)
    c = cloud.endpoint("c", "blue", "hv2", "02:00:00:00:0c:0c", ["10.0.0.99"])
    assert webhook.put(newer(c)).status == 204
    assert webhook.post(standard("put", c), headers={
        "webhook-signature": "v1,AAAA"}).status == 401
    assert webhook.post(b"{").status == 400

    def grown(name: str, **labels: str) -> float:
        return scrape(scene).sum(name, **labels) - before.sum(name, **labels)

    for code in "204", "401", "400":
        wait_until(lambda: grown("vtepd_webhook_requests_total", code=code),
                   f"{code} is counted", until=lambda n: n == 1)
    assert grown("vtepd_webhook_requests_total") == 3
    assert grown("vtepd_events_total", origin="webhook",
                 result="applied") == 1
    assert grown("vtepd_event_installed_seconds_count") >= 1
    assert grown("vtepd_event_installed_seconds_sum") > 0


def test_drift(scene: Scene) -> None:
    """What somebody changes by hand is counted when it is put right."""
    _, b = scene.pair()
    hypervisor = scene.hv["hv1"]
    before = scrape(scene)
    row, = hypervisor.tunnels()
    hypervisor.ofctl("del-flows", "br-int", f"table=40,dl_dst={b.mac}")
    hypervisor.ofctl("add-group", "br-int", "group_id=4711,type=all")
    hypervisor.vsctl("set", "Interface", row["name"],
                     "options:remote_ip=192.0.2.99")
    for what in "flow", "group", "row":
        wait_metric(scene, f"a {what} was repaired",
                    "vtepd_drift_repairs_total", object=what,
                    until=lambda n: n == before.get(
                        "vtepd_drift_repairs_total", object=what) + 1)


def test_tunnel_error(scene: Scene) -> None:
    """Somebody else has a tunnel to the same address."""
    scene.pair()
    hypervisor = scene.hv["hv1"]
    hypervisor.vsctl("add-port", "br-int", "taken", "--", "set", "Interface",
                     "taken", "type=vxlan", "options:key=flow",
                     f"options:remote_ip={scene.hv['hv2'].ipv4}",
                     f"options:local_ip={hypervisor.ipv4}",
                     "options:dst_port=4799")
    try:
        scene.put(*(cloud.host(name, scene.hv[name].addresses, "vxlan",
                               port=4799) for name in ("hv1", "hv2")))
        wait_metric(scene, "there is an error", "vtepd_tunnels",
                    type="vxlan", state="error", until=lambda n: n == 1)
        assert scrape(scene).get("vtepd_peer_tunnel_up", peer="hv2",
                                 type="vxlan") == 0
    finally:
        hypervisor.vsctl("del-port", "taken")
    wait_metric(scene, "the tunnel is up", "vtepd_peer_tunnel_up",
                peer="hv2", until=lambda n: n == 1)


def test_bfd(scene: Scene) -> None:
    scene.pair()
    scene.settings(scene.agents["hv1"], bfd="true")
    wait_metric(scene, "nobody answers", "vtepd_tunnels", type="vxlan",
                state="bfd_down", until=lambda n: n == 1)
    assert scrape(scene).sum("vtepd_bfd_sessions", state="down") == 1
    scene.settings(scene.agents["hv2"], bfd="true")
    wait_metric(scene, "the peer answers", "vtepd_tunnels", type="vxlan",
                state="up", until=lambda n: n == 1)


def test_not_installed(scene: Scene) -> None:
    """An endpoint with another's MAC is plugged in, and not served."""
    a, _ = scene.pair()
    c = scene.vm("c", "blue", "hv1", mac=a.mac)
    scene.put(c.endpoint(host="hv1"))
    wait_metric(scene, "c should be served", "vtepd_endpoints_desired",
                until=lambda n: n == 2)
    metrics = scrape(scene)
    assert metrics.get("vtepd_endpoints_installed") == 1
    assert metrics.get("vtepd_conflicts", kind="endpoint") >= 1


def test_held_deletions(scene: Scene) -> None:
    """And the end of a watch."""
    scene.pair()
    scene.settings(max_delete="20", hold="3600")
    objects = scene.cloud.objects()
    before = scrape(scene)
    scene.cloud.watch_mode(enabled=False)
    scene.cloud.say("", close=True)
    for reason in "closed", "refused":
        wait_metric(scene, "the watch has ended", "vtepd_watches_ended_total",
                    reason=reason,
                    until=lambda n: n > before.get(
                        "vtepd_watches_ended_total", reason=reason))
    assert scrape(scene).get("vtepd_watch_open") == 0
    scene.cloud.replace()
    wait_metric(scene, "deletions are held", "vtepd_inventory_held_deletions",
                until=lambda n: n >= 3)
    scene.cloud.inject(count=-1, status=500)
    wait_metric(scene, "lists fail", "vtepd_inventory_failing_seconds",
                until=lambda n: n > 0)
    scene.cloud.clear_faults()
    scene.cloud.replace(*objects)
    scene.lab.resync()
    wait_metric(scene, "nothing is held", "vtepd_inventory_held_deletions",
                until=lambda n: n == 0)
    assert scrape(scene).get("vtepd_inventory_held_seconds") == 0


def test_reconnections(scene: Scene) -> None:
    before = scrape(scene)
    scene.hv["hv1"].appctl("ovsdb-server", "ovsdb-server/reconnect")
    wait_metric(scene, "a connection was made",
                "vtepd_ovsdb_connections_total",
                until=lambda n: n > before.get("vtepd_ovsdb_connections_total"))
    scene.hv["hv1"].stop_switch()
    wait_metric(scene, "the switch is gone", "vtepd_openflow_connected",
                until=lambda n: n == 0)
    scene.hv["hv1"].start_switch()
    wait_metric(scene, "a connection was made",
                "vtepd_openflow_connections_total",
                until=lambda n: n > before.get(
                    "vtepd_openflow_connections_total"))
