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
