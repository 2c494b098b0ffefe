"""Dashboard, alert rules and autoscaling ask for metrics and labels that this server has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from riskmask.client import Client, InvalidImage
from riskmask.server.engine.job import Stage
from riskmask.server.pool import Priority
from riskmask.server.status import TABLE
from riskmask.v1 import riskmask_pb2 as pb

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana" / "riskmask.json").read_text(encoding="utf-8"))
ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text(encoding="utf-8"))
ADAPTER = yaml.safe_load((DEPLOY / "prometheus" / "adapter.yaml").read_text(encoding="utf-8"))

# What Prometheus adds to whatever it scrapes in a cluster.
SCRAPE_LABELS = {"instance", "job", "namespace", "pod"}


@dataclass(frozen=True)
class Offered:
    """What a real server's /metrics has: label names and values by the metric's name."""

    labels: dict[str, dict[str, set[str]]]

    def names(self, metric: str) -> set[str]:
        return set(self.labels[metric])


@pytest.fixture(scope="module")
def offered(start_server: Callable[..., Any], png: bytes) -> Offered:
    with (
        start_server("--address", "127.0.0.1:0", "--metrics-port", "0") as running,
        Client(running.addresses[0], timeout=60) as client,
    ):
        client.analyze(png)
        with pytest.raises(InvalidImage):
            client.analyze(b"no image")
        url = running.said.split("metrics on ")[1].strip()
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(url, timeout=60) as answer:
            text = answer.read().decode()
    labels: dict[str, dict[str, set[str]]] = {}
    for line in text.splitlines():
        if found := re.fullmatch(r"(\w+)(?:\{(.*)\})? \S+", line):
            known = labels.setdefault(found[1], {})
            for key, value in re.findall(r'(\w+)="([^"]*)"', found[2] or ""):
                known.setdefault(key, set()).add(value)
    return Offered(labels)


def expressions() -> dict[str, str]:
    """Every expression in PromQL by where it stands, variables of Grafana replaced."""
    found = {rule["alert"]: rule["expr"] for group in ALERTS["groups"] for rule in group["rules"]}
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            found[f"{panel['title']} {target['refId']}"] = target["expr"]
    for rule in ADAPTER["rules"]["custom"]:
        found[f"adapter, series {rule['name']['as']}"] = rule["seriesQuery"]
        query = rule["metricsQuery"].replace("<<.GroupBy>>", "namespace, pod")
        query = query.replace("<<.Series>>", rule["name"]["as"])
        found[f"adapter {rule['name']['as']}"] = query.replace("<<.LabelMatchers>>", 'pod="a"')
    return {name: text.replace("$__rate_interval", "5m") for name, text in found.items()}


def nodes(expression: str) -> list[Any]:
    seen: list[Any] = []
    promql_parser.walk(promql_parser.parse(expression), seen.append)
    return seen


def selectors(expression: str) -> list[Any]:
    return [each for each in nodes(expression) if isinstance(each, promql_parser.VectorSelector)]


# Those of calls that end in the servicer: without a token they do not get there.
REASONS = {"OK"} | {row.reason for row in TABLE.values()} - {"UNAUTHENTICATED"}
VALUES = {
    "reason": REASONS,
    "stage": {stage.value for stage in Stage},
    "priority": {priority.name.lower() for priority in Priority},
    "method": {method.name for method in pb.DESCRIPTOR.services_by_name["RiskService"].methods},
}


@pytest.mark.parametrize("where", expressions())
def test_an_expression_asks_for_metrics_labels_and_values_that_exist(
    where: str, offered: Offered
) -> None:
    asked = selectors(expressions()[where])
    assert asked
    for selector in asked:
        assert selector.name in offered.labels
        known = offered.names(selector.name) | SCRAPE_LABELS
        for matcher in selector.matchers.matchers:
            assert matcher.name in known
            if matcher.name in VALUES:
                assert set(matcher.value.split("|")) <= VALUES[matcher.name]
    available = SCRAPE_LABELS.union(*(offered.names(selector.name) for selector in asked))
    for node in nodes(expressions()[where]):
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            assert set(node.modifier.labels) <= available


def test_the_labels_that_a_real_server_gives_are_among_the_known_values(offered: Offered) -> None:
    for labels in offered.labels.values():
        for name in labels.keys() & VALUES.keys():
            assert labels[name] <= VALUES[name]
    assert offered.labels["riskmask_requests_total"]["reason"] == {"OK", "UNSUPPORTED_FORMAT"}


def test_alerts_and_legends_name_labels_that_their_expressions_keep(offered: Offered) -> None:
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            said = " ".join(rule["annotations"].values())
            assert {"summary", "description"} == set(rule["annotations"])
            assert set(re.findall(r"\$labels\.(\w+)", said)) <= kept(rule["expr"], offered)
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            expression = target["expr"].replace("$__rate_interval", "5m")
            assert named <= kept(expression, offered)


def kept(expression: str, offered: Offered) -> set[str]:
    """Labels of the result: those of the outermost aggregation, or of the metric itself."""
    parsed = nodes(expression)
    aggregations = [each for each in parsed if isinstance(each, promql_parser.AggregateExpr)]
    if aggregations:
        modifier = aggregations[0].modifier
        return set() if modifier is None else set(modifier.labels)
    return offered.names(selectors(expression)[0].name) | SCRAPE_LABELS


def test_the_autoscaler_asks_for_what_the_adapter_offers(offered: Offered) -> None:
    text = (DEPLOY / "kubernetes" / "deployment.yaml").read_text(encoding="utf-8")
    objects = yaml.safe_load_all(text)
    (scaler,) = [each for each in objects if each["kind"] == "HorizontalPodAutoscaler"]
    asked = {each["pods"]["metric"]["name"] for each in scaler["spec"]["metrics"]}
    assert asked == {rule["name"]["as"] for rule in ADAPTER["rules"]["custom"]}
    assert asked <= set(offered.labels)


def test_the_dashboard_has_its_panels_side_by_side_and_asks_the_chosen_source() -> None:
    panels = DASHBOARD["panels"]
    titles = [panel["title"] for panel in panels]
    assert titles == [
        "Calls by reason",
        "Rejections",
        "Queue depth by priority",
        "Running",
        "Stage durations, median",
        "Stage durations, 99th percentile",
        "Build info",
    ]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not taken & cells
        taken |= cells
        for holder in (panel, *panel["targets"]):
            assert holder["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    variables = {each["name"] for each in DASHBOARD["templating"]["list"]}
    text = json.dumps(DASHBOARD)
    assert set(re.findall(r"\$\{?([a-z]\w*)", text)) == variables


def test_promtool_takes_the_rules() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (apt-get install prometheus)")
    rules = DEPLOY / "prometheus" / "alerts.yaml"
    done = subprocess.run([promtool, "check", "rules", rules], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_comments_name_metrics_that_exist(offered: Offered) -> None:
    for path in sorted(each for each in DEPLOY.rglob("*") if each.is_file()):
        text = path.read_text(encoding="utf-8")
        assert set(re.findall(r"\briskmask_\w+", text)) <= set(offered.labels), path.name
