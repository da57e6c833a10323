"""Alerts, scraping and the dashboard: loadable, about metrics that exist, and raised when they should be."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import promql_parser
import pytest
import ray
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.deploy.manifests import DEPLOY, documents
from tune.core.status import Status
from tune.engine.prometheus import COUNTERS, GAUGES

MONITORING = DEPLOY / "monitoring"
OURS = {f"ray_{name}": set(labels) for name, (labels, _) in (GAUGES | COUNTERS).items()}
"""This project's metrics, as Ray exports them, and their labels."""
VALUES = {
    "status": set(get_args(Status)),
    "outcome": {"started", "lost", "rested", "stopped", "ended", "failed"},
    "device": {"cuda", "cpu"},
}
"""What a label can be."""
RAYS_LABELS = {"SessionName", "WorkerId", "instance", "Name", "State", "GpuIndex"}
RAYS_PANELS = Path(ray.__file__).parent / "dashboard/modules/metrics/dashboards/default_dashboard_panels.py"
"""Where Ray's own dashboard queries Ray's own metrics."""

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool: Debian's package prometheus")


def rules():
    return [
        rule for group in documents((MONITORING / "rules.yaml").read_text())[0]["groups"] for rule in group["rules"]
    ]


def dashboard():
    return json.loads((MONITORING / "grafana-dashboard.json").read_text())


def queries():
    """The dashboard's queries as Prometheus gets them."""
    found = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    return [text.replace("$__rate_interval", "1m").replace("$study", "kth-paper") for text in found]


def expressions():
    return [rule["expr"] for rule in rules()] + queries()


def inside(expression):
    """The expression and all its parts."""
    yield expression
    for name in ("expr", "lhs", "rhs"):
        if getattr(expression, name, None) is not None:
            yield from inside(getattr(expression, name))
    for argument in getattr(expression, "args", None) or ():
        yield from inside(argument)
    if isinstance(expression, promql_parser.MatrixSelector):
        yield expression.vector_selector


def selectors(text):
    return [part for part in inside(promql_parser.parse(text)) if isinstance(part, promql_parser.VectorSelector)]


def test_every_query_asks_for_metrics_that_exist():
    rays = RAYS_PANELS.read_text()
    found = {selector.name for text in expressions() for selector in selectors(text)}
    assert {name for name in found if "fernn" in name} == OURS.keys()
    for name in found - OURS.keys():
        assert f"{name}{{" in rays, name


def test_every_query_asks_for_labels_and_values_that_exist():
    for text in expressions():
        for selector in selectors(text):
            labels = OURS.get(selector.name, set()) | RAYS_LABELS
            for matcher in selector.matchers.matchers:
                assert matcher.name in labels, (selector.name, matcher.name)
                if matcher.name in VALUES and selector.name in OURS:
                    assert set(matcher.value.split("|")) <= VALUES[matcher.name], matcher.value


def test_what_is_said_of_a_series_is_one_of_its_labels():
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            wanted = {part.split("}}")[0] for part in target["legendFormat"].split("{{")[1:]}
            kept = [
                set(part.modifier.labels)
                for part in inside(promql_parser.parse(target["expr"].replace("$__rate_interval", "1m")))
                if getattr(part, "modifier", None) and hasattr(part.modifier, "labels")
            ]
            assert not wanted or any(wanted <= labels for labels in kept), (panel["title"], wanted)


def test_the_operators_rules_are_prometheus_own():
    (operator,) = documents((MONITORING / "prometheus-rule.yaml").read_text())
    assert operator["spec"] == documents((MONITORING / "rules.yaml").read_text())[0]


def test_every_alert_says_what_to_do():
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert "{{ $labels.study }}" in rule["annotations"]["summary"] and rule["annotations"]["description"]


def test_prometheus_reads_the_rules_and_rays_list_of_nodes():
    (config,) = documents((MONITORING / "prometheus.yaml").read_text())
    assert all((MONITORING / name).exists() for name in config["rule_files"])
    (scrape,) = config["scrape_configs"]
    (discovery,) = scrape["file_sd_configs"]
    written = Path(ray.__file__).parent / "dashboard/modules/metrics/export/prometheus/prometheus.yml"
    assert discovery["files"][0] in written.read_text()


def contained(part, whole, path="dashboard"):
    """Asserts that all of ``part`` is in ``whole``."""
    if isinstance(part, dict):
        for key, value in part.items():
            assert isinstance(whole, dict) and key in whole, f"{path}.{key} is no field of Grafana's"
            contained(value, whole[key], f"{path}.{key}")
    elif isinstance(part, list):
        assert len(part) == len(whole), path
        for index, (one, other) in enumerate(zip(part, whole, strict=True)):
            contained(one, other, f"{path}[{index}]")
    else:
        assert part == whole, path


def test_the_dashboard_has_only_fields_of_grafanas():
    """Grafana's own types drop a field that they do not have."""
    given = dashboard()
    contained(given, json.loads(json.dumps(Dashboard.from_json(given), cls=JSONEncoder)))


def test_the_dashboard_asks_for_source_and_study():
    given = dashboard()
    assert [variable["name"] for variable in given["templating"]["list"]] == ["datasource", "study"]
    ids = [panel["id"] for panel in given["panels"]]
    assert len(set(ids)) == len(ids) and all(panel["datasource"]["uid"] == "${datasource}" for panel in given["panels"])
    for panel in given["panels"]:
        for target in panel["targets"]:
            assert "fernn" not in target["expr"] or 'study=~"$study"' in target["expr"], panel["title"]


def test_panels_do_not_cover_each_other():
    taken = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        own = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not own & taken, panel["title"]
        taken |= own


def promtool(*arguments):
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_accepts_rules_and_scraping():
    promtool("check", "rules", MONITORING / "rules.yaml")
    promtool("check", "config", MONITORING / "prometheus.yaml")


def series(name, values, **labels):
    inner = ",".join(f'{key}="{value}"' for key, value in {"study": "kth", **labels}.items())
    return {"series": f"{name}{{{inner}}}", "values": values}


def alive(minutes, **labels):
    """A heartbeat each minute, and then no more."""
    return series("ray_fernn_driver_heartbeat_timestamp_seconds", f"0+60x{minutes} _x400", **labels)


def cells(waiting, times=120, status="waiting", **labels):
    return series("ray_fernn_cells", f"{waiting}x{times}", status=status, **labels)


def result(at_minute, times=120):
    """The last result, seen from the start."""
    return series("ray_fernn_last_result_timestamp_seconds", f"{60 * at_minute}x{times}")


def trials(outcome):
    """One more each minute."""
    return series("ray_fernn_trials_total", "0+1x60", outcome=outcome)


ONE, TWO = {"SessionName": "one", "WorkerId": "a"}, {"SessionName": "two", "WorkerId": "b"}
CASES = {
    "no result for half an hour": ("FernnStudyStalled", [alive(120), cells(3), result(10)], {40: False, 50: True}),
    "nothing left": ("FernnStudyStalled", [alive(120), cells(0), cells(9, status="done"), result(10)], {60: False}),
    "results come": ("FernnStudyStalled", [alive(120), cells(3), result(50)], {60: False, 78: False, 90: True}),
    "killed": ("FernnDriverGone", [alive(20), cells(3, 20)], {20: False, 40: True, 300: True, 400: False}),
    "stalled is not gone": ("FernnDriverGone", [alive(120), cells(3), result(10)], {60: False}),
    "ended": ("FernnDriverGone", [alive(20), cells(0, 20), cells(9, 20, "done")], {40: False}),
    "killed, then ended by the next driver": (
        "FernnDriverGone",
        [alive(20, **ONE), cells(3, 20, **ONE),
         series("ray_fernn_driver_heartbeat_timestamp_seconds", "_x24 1500+60x20 _x400", **TWO),
         series("ray_fernn_cells", "_x24 0x21 _x400", status="waiting", **TWO)],
        {24: False, 60: False, 120: False},
    ),
    "nodes die": ("FernnTrialsBreakOff", [trials("lost")], {3: False, 30: True}),
    "trials rest": ("FernnTrialsBreakOff", [trials("rested")], {30: False}),
    "a cell failed": ("FernnCellsFailed", [cells(1, status="failed")], {5: True}),
}  # fmt: skip


@needs_promtool
def test_alerts_are_raised_when_they_should_be(tmp_path):
    tests = []
    for name, (alert, given, at) in CASES.items():
        query = f'count(ALERTS{{alertname="{alert}", alertstate="firing"}}) or vector(0)'
        asked = [
            {"expr": query, "eval_time": f"{minute}m", "exp_samples": [{"labels": "{}", "value": int(is_up)}]}
            for minute, is_up in at.items()
        ]
        tests.append({"name": name, "interval": "1m", "input_series": given, "promql_expr_test": asked})
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [str(MONITORING / "rules.yaml")], "tests": tests}))
    promtool("test", "rules", path)
