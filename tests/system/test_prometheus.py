# SPDX-License-Identifier: Apache-2.0
"""The alerts and the dashboard: Prometheus understands them, and each alert
fires when it should.  That the metrics they name exist is checked by
tests/check-documents."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import yaml

TOP = Path(__file__).resolve().parents[2]
RULES = TOP / "packaging/prometheus/vtepd.rules.yml"
RULES_TEST = TOP / "tests/prometheus/vtepd.rules.test.yml"
DASHBOARD = TOP / "packaging/grafana/vtepd.json"


def promtool(*arguments: object) -> None:
    done = subprocess.run(["promtool", *map(str, arguments)], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    assert done.returncode == 0, done.stdout


def test_rules() -> None:
    promtool("check", "rules", "--lint-fatal", RULES)
    promtool("test", "rules", RULES_TEST)


def test_every_alert_helps() -> None:
    """It says how bad it is, what is wrong, and what to do; it has a test."""
    tests = RULES_TEST.read_text()
    group, = yaml.safe_load(RULES.read_text())["groups"]
    for rule in group["rules"]:
        assert f'alertname="{rule["alert"]}"' in tests
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        for name in "summary", "description", "runbook":
            assert rule["annotations"][name], (rule["alert"], name)


def test_dashboard(tmp_path: Path) -> None:
    """Every panel has an expression, and each is valid with some values of
    the variables."""
    dashboard = json.loads(DASHBOARD.read_text())
    variables = {item["name"] for item in dashboard["templating"]["list"]}
    assert variables == {"datasource", "job", "instance"}
    rules = []
    for panel in dashboard["panels"]:
        assert panel["type"] == "row" or panel["targets"], panel["title"]
        for target in panel.get("targets", []):
            expression = target["expr"]
            for name, value in {"$__rate_interval": "5m", "$job": "vtepd",
                                "$instance": ".+"}.items():
                expression = expression.replace(name, value)
            assert "$" not in expression, target["expr"]
            rules.append({"record": f"dashboard:expression:{len(rules)}",
                          "expr": expression})
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    file = tmp_path / "dashboard.rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard",
                                                "rules": rules}]}))
    promtool("check", "rules", file)
