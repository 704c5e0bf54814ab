"""The dashboard Alerts asks a real Prometheus in which alerts of each severity fire."""

from __future__ import annotations

import json
import time

import pytest

from tests.dashboards import queries
from tests.rules.conftest import running_prometheus
from tests.rules.servers import wait_until

DASHBOARD = next(path for path in queries.FILES if path.stem == "alerts")


def on(*hosts):
    """An expression with a series for each host, or one without a host."""
    return " or ".join(f'label_replace(vector(1), "host", "{host}", "", "")' for host in hosts) or "vector(1)"


def alert(name, severity, *hosts, **further):
    """A rule that fires on hosts, or without a host."""
    return {"alert": name, "expr": on(*hosts), "labels": {"severity": severity}, **further}


RULES = [
    alert("Watchdog", "info"),
    alert("GpuMissing", "page", "gpu1", "gpu2"),
    alert("GpuHot", "warn", "gpu1"),
    alert("HostRebooted", "info", "gpu2"),
    alert("PrometheusSlow", "warn"),
    alert("DiskFull", "warn", "gpu1", **{"for": "1h"}),
]


@pytest.fixture(scope="module")
def shown(image, tmp_path_factory):
    """What a query of the dashboard finds for chosen hosts, by the title of its panel and its legend."""
    folder = tmp_path_factory.mktemp("alerts")
    folder.chmod(0o755)
    up = {"record": "up", "expr": on("gpu1", "gpu2", "gpu3")}
    groups = [{"name": "site", "interval": "1s", "rules": [up, *RULES]}]
    (folder / "rules.yml").write_text(json.dumps({"groups": groups}))
    (folder / "prometheus.yml").write_text(json.dumps({"rule_files": ["rules.yml"]}))
    with running_prometheus(image) as start:
        prometheus = start(folder)
        wait_until(lambda: len(prometheus.query("ALERTS_FOR_STATE")) == 7, "the alerts do not fire")

        def ask(title, legend="", hosts=("gpu1", "gpu2", "gpu3")):
            asked = [query for query in queries.of(DASHBOARD) if query.title == title]
            [query] = [query for query in asked if not legend or query.legend == legend]
            return prometheus.query(queries.sent(query.expr, {"host": list(hosts)}, 3600))

        yield ask


def values(rows, *labels):
    return {tuple(row.get(label, "") for label in labels): value for row, value in rows}


@pytest.mark.parametrize(("title", "count"), [("Page", 2), ("Warn", 2), ("Info", 1), ("Pending", 1)])
def test_what_fires_is_counted(shown, title, count):
    assert [value for _labels, value in shown(title)] == [count]


def test_alerts_without_a_host_count_whatever_hosts_are_chosen(shown):
    assert [value for _labels, value in shown("Warn", hosts=["gpu3"])] == [1]
    assert [value for _labels, value in shown("Page", hosts=["gpu3"])] == [0]


def test_every_host_has_a_line(shown):
    assert values(shown("Hosts", "Page"), "host") == {("gpu1",): 1, ("gpu2",): 1, ("gpu3",): 0}
    assert values(shown("Hosts", "Warn"), "host") == {("gpu1",): 1, ("gpu2",): 0, ("gpu3",): 0}


def test_what_fires_now_is_listed_with_its_begin(shown):
    rows = values(shown("Firing now"), "severity", "alertname", "host")
    assert set(rows) == {
        ("page", "GpuMissing", "gpu1"),
        ("page", "GpuMissing", "gpu2"),
        ("warn", "GpuHot", "gpu1"),
        ("info", "HostRebooted", "gpu2"),
        ("warn", "PrometheusSlow", ""),
    }
    assert all(0 <= time.time() - begin / 1000 < 300 for begin in rows.values())


def test_the_history_has_the_severity_of_each_alert(shown):
    assert values(shown("History"), "alertname", "host") == {
        ("GpuMissing", "gpu1"): 3,
        ("GpuMissing", "gpu2"): 3,
        ("GpuHot", "gpu1"): 2,
        ("PrometheusSlow", ""): 2,
        ("HostRebooted", "gpu2"): 1,
    }
