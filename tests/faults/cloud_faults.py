# SPDX-License-Identifier: Apache-2.0
"""The API fails, in every way."""

from __future__ import annotations

import json
from lab.processes import wait_until

from .agent_faults import api_down
from .fault import fault
from .stage import Stage

HTML = "<!DOCTYPE html><title>Log in</title><form>Password: <input></form>"


MEANWHILE = 20_000          # So many probes are sent while it fails.


def no_watch(stage: Stage, **answer: object) -> None:
    """Watches end, and are answered so from now on."""
    stage.cloud.inject(count=-1, watch=True, **(answer or {"status": 501}))
    stage.cloud.say("", close=True)


def failures(stage: Stage) -> int:
    return stage.agent.show("status")["inventory"]["failures"]


def answered_with(stage: Stage, **answer: object) -> None:
    """All requests are answered so; vtepd asks at least twice."""
    stage.cloud.inject(count=-1, **answer)
    no_watch(stage, **answer)
    for n in (1, 2):
        stage.agent.resync()
        wait_until(lambda: failures(stage), "vtepd has met the fault",
                   until=lambda now: now >= n)
    stage.probes.wait_sent(MEANWHILE)
    stage.cloud.clear_faults()
    stage.wait_listed()


@fault("api-down", "nobody listens", "R50")
def api_is_down(stage: Stage) -> None:
    with api_down(stage):
        stage.agent.resync()
        wait_until(lambda: failures(stage), "vtepd has met the fault")
        stage.probes.wait_sent(MEANWHILE)
    stage.wait_listed()


@fault("api-503", "503 with Retry-After")
def api_503(stage: Stage) -> None:
    answered_with(stage, status=503, headers={"Retry-After": "1"})


@fault("api-500", "500, with a list in it")
def api_500(stage: Stage) -> None:
    answered_with(stage, status=500, body=page(stage))


@fault("api-login-page", "200 with an HTML page to log in")
def api_login_page(stage: Stage) -> None:
    answered_with(stage, body=HTML, content_type="text/html")


@fault("api-login-page-json", "the same, said to be JSON")
def api_login_page_json(stage: Stage) -> None:
    answered_with(stage, body=HTML)


@fault("api-token-expired", "401")
def api_token_expired(stage: Stage) -> None:
    answered_with(stage, status=401, body="{}")


@fault("api-truncated", "the connection ends in the middle of a list", "R52")
def api_truncated(stage: Stage) -> None:
    answered_with(stage, pass_through=True, truncate=20_000)


@fault("api-json-truncated", "half of the JSON text, and no more", "R52")
def api_json_truncated(stage: Stage) -> None:
    text = page(stage)
    answered_with(stage, body=text[:len(text) // 2])


@fault("api-versions-mixed", "the list's second page is of another version",
       "R52")
def api_versions_mixed(stage: Stage) -> None:
    stage.cloud.set_page_size(300)
    no_watch(stage)
    stage.cloud.inject(count=-1, after_page=1, body=json.dumps(
        {"version": "another", "items": []}))
    before = len(stage.cloud.requests())
    stage.agent.resync()
    wait_until(lambda: len([r for r in stage.cloud.requests()[before:]
                            if r.get("fault") and "host=hv1" in r["path"]]),
               "vtepd has met the fault", until=lambda n: n >= 2)
    stage.probes.wait_sent(MEANWHILE)
    stage.cloud.clear_faults()
    stage.cloud.set_page_size(5000)
    stage.wait_listed()


def silent(stage: Stage, **answer: object) -> None:
    """Answers that do not end: vtepd waits."""
    stage.cloud.inject(count=-1, **answer)
    no_watch(stage, **answer)
    stage.agent.resync()
    stage.probes.wait_sent(MEANWHILE)
    stage.cloud.clear_faults()
    stage.agent.restart()       # Instead of waiting for the time-out.
    stage.wait_listed()


@fault("api-hung", "connections are accepted, requests are not answered",
       "R36 R50")
def api_hung(stage: Stage) -> None:
    silent(stage, delay=3600)


@fault("api-slow", "a byte every 20 ms", "R36")
def api_slow(stage: Stage) -> None:
    silent(stage, pass_through=True, drip=0.02)


def lists_only(stage: Stage, items: list[dict]) -> None:
    """Lists have these objects, and others are held to be deleted."""
    status = stage.agent.show("status")["inventory"]
    n_before = status["endpoints"]
    no_watch(stage)
    stage.cloud.inject(count=-1, body=json.dumps(
        {"version": "less", "items": items}))
    stage.wait_listed()
    status = wait_until(lambda: stage.agent.show("status")["inventory"],
                        "deletions are held",
                        until=lambda status: status["held_deletions"])
    assert status["endpoints"] == n_before
    stage.probes.wait_sent(MEANWHILE)
    stage.cloud.clear_faults()
    stage.wait_listed()
    assert not stage.agent.show("status")["inventory"]["held_deletions"]


@fault("api-empty-list", "a list without objects", "R52")
def api_empty_list(stage: Stage) -> None:
    lists_only(stage, [])


@fault("api-half-list", "a whole list with half of the objects", "R52")
def api_half_list(stage: Stage) -> None:
    items = stage.cloud.objects()
    lists_only(stage, items[len(items) // 2:])


@fault("api-mass-deletion", "all endpoints but 10 are deleted", "R52")
def api_mass_deletion(stage: Stage) -> None:
    endpoints = stage.cloud.objects("endpoint")
    others = [obj for obj in stage.cloud.objects()
              if obj["kind"] != "endpoint"]
    lists_only(stage, [*others, *endpoints[-10:]])


def page(stage: Stage) -> str:
    return json.dumps({"version": "1", "items": stage.cloud.objects()[:9]})
