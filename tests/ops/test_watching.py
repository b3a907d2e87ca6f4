"""Alerts and dashboard name metrics that exist, and every alert says what to do."""

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from shop import figures, metrics
from shop.desk.runbook import slug

PROJECT = Path(__file__).resolve().parents[2]
ALERTS = [
    rule
    for group in yaml.safe_load((PROJECT / "ops/alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
BOARD = json.loads((PROJECT / "ops/grafana/dashboards/payonce.json").read_text())
EXPRESSIONS = {rule["alert"]: rule["expr"] for rule in ALERTS} | {
    panel["title"]: " ".join(target["expr"] for target in panel["targets"])
    for panel in BOARD["panels"]
}


def samples() -> set[str]:
    """Every sample name that /metrics can hold."""
    gauges = {family.name for family in figures.Figures().describe()}
    endings = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"], "gauge": [""]}
    own = {
        family.name + ending
        for counted in vars(metrics).values()
        if isinstance(counted, MetricWrapperBase)
        for family in counted.describe()
        for ending in endings[family.type]
    }
    return gauges | own


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_it_names_only_metrics_that_exist(name):
    named = set(re.findall(r"payonce_\w+", EXPRESSIONS[name]))
    assert named
    assert named - samples() == set()


def test_every_label_that_is_asked_for_is_one_that_we_set():
    asked = set(re.findall(r'\{(\w+)=~?"', " ".join(EXPRESSIONS.values())))
    asked |= {
        label.strip()
        for group in re.findall(r"by \(([^)]*)\)", " ".join(EXPRESSIONS.values()))
        for label in group.split(",")
    }
    assert asked <= {"gateway", "operation", "answer", "by", "role", "what", "kind", "le"}


def test_the_dashboard_shows_everything_that_we_measure():
    shown = " ".join(panel["targets"][0]["expr"] for panel in BOARD["panels"])
    shown = " ".join([shown, *EXPRESSIONS.values()])
    families = {re.sub("_(total|bucket|count|sum)$", "", name) for name in samples()}
    assert {name for name in families if name not in shown} == set()


def anchors() -> set[str]:
    runbook = (PROJECT / "docs/runbook.md").read_text()
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", runbook, re.MULTILINE)}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_happened_how_urgent_it_is_and_where_to_read_on(rule):
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert page == "docs/runbook.md"
    assert anchor in anchors()
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"].endswith(".")
