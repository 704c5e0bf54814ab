"""What the roles tell the deployment of upgrades: lines of the log that are progress, and which version reads which
data.
"""

from __future__ import annotations

import re

import pytest

from tests.unit.roles.rendering import fleet, service

GRAFANA = [
    (
        'logger=migrator t=2026-02-27T08:55:32.48+01:00 level=info msg="Starting DB migrations"',
        'msg="Starting DB migrations"',
    ),
    (
        'logger=migrator t=2026-02-27T08:55:32.48+01:00 level=info msg="Executing migration"'
        ' id="create index IDX_a - v1"',
        'msg="Executing migration" id="create index IDX_a - v1"',
    ),
    (
        "logger=storage.unified.migration_runner.folders-dashboards t=2026-02-27T08:55:32.48+01:00 level=info"
        ' msg="Migration progress" org_id=1 count=27 message="[v: 8] abc (size:154065 / 27|27)"',
        'msg="Migration progress" org_id=1 count=27 message="[v: 8] abc (size:154065 / 27|27)"',
    ),
    (
        '{"count":27,"level":"info","logger":"storage.unified.migration_runner.folders-dashboards","message":"[v:'
        ' 8] abc","msg":"Migration progress","org_id":1,"t":"2026-02-27T08:55:32.48+01:00"}',
        '{"count":27,"level":"info","logger":"storage.unified.migration_runner.folders-dashboards","message":"[v:'
        ' 8] abc","msg":"Migration progress"',
    ),
    (
        "logger=storage.unified.migration_runner.folders-dashboards t=2026-02-27T08:55:32.48+01:00 level=warn"
        ' msg="SQLite migration failed, retrying with parquet buffer" error="database is locked"',
        'msg="SQLite migration failed, retrying with parquet buffer" error="database is locked"',
    ),
    (
        'logger=migrator t=2026-02-27T08:55:32.48+01:00 level=info msg="Migration successfully'
        ' executed" id="a" duration=1ms',
        None,
    ),
    (
        'logger=migrator t=2026-02-27T08:55:32.48+01:00 level=info msg="Database locked on migration,'
        ' retrying transaction"',
        None,
    ),
    ('logger=context t=2026-02-27T08:55:32.48+01:00 level=info msg="Request Completed" method=GET path=/', None),
]
PROMETHEUS = [
    (
        'time=2026-02-05T21:32:00.271Z level=INFO source=head.go:833 msg="WAL segment loaded" component=tsdb'
        " segment=3 maxSegment=9 duration=4.2ms",
        'WAL segment loaded" component=tsdb segment=3 maxSegment=9',
    ),
    (
        '{"time":"2026-02-05T21:32:00.271Z","level":"INFO","source":"head.go:833","msg":"WAL segment'
        ' loaded","component":"tsdb","segment":3,"maxSegment":9,"duration":4200000}',
        'WAL segment loaded","component":"tsdb","segment":3,"maxSegment":9',
    ),
    (
        'time=2026-02-05T21:32:00.271Z level=INFO source=head.go:862 msg="WAL checkpoint loaded" component=tsdb',
        "WAL checkpoint loaded",
    ),
    (
        'time=2026-02-05T21:32:00.271Z level=INFO source=repair.go:57 msg="Found healthy block" component=tsdb'
        " mint=1 maxt=2 ulid=01G1JAPXH0A2",
        'Found healthy block" component=tsdb mint=1 maxt=2 ulid=01G1JAPXH0A2',
    ),
    (
        'time=2026-02-05T21:32:00.271Z level=INFO source=main.go:1325 msg="Completed loading of configuration file"',
        None,
    ),
]


@pytest.fixture
def deployed(tmp_path):
    """The service of a role on the monitoring host."""

    def render(role, **variables):
        return service(
            role, role, fleet({}, {"monitor1": {"ansible_host": "10.0.0.9", **variables}}), "monitor1", tmp_path
        )

    return render


@pytest.mark.parametrize(("role", "lines"), [("grafana", GRAFANA), ("prometheus", PROMETHEUS)])
def test_a_step_of_the_start_counts_without_its_time(deployed, role, lines):
    expression = re.compile(deployed(role)["health"]["progress"], re.MULTILINE)
    for line, step in lines:
        match = expression.search(line)
        assert (match and match[0]) == step, line


@pytest.mark.parametrize(("role", "seconds"), [("grafana", 180), ("prometheus", 600)])
def test_how_long_a_start_may_stall(deployed, role, seconds):
    variable = f"{role}_start_timeout"
    assert (deployed(role)["health"]["timeout"], deployed(role)["health"]["variable"]) == (seconds, variable)
    assert deployed(role, **{variable: "1h30m"})["health"]["timeout"] == 5400


@pytest.mark.parametrize(
    ("variables", "version", "reader"),
    [
        ({"prometheus_version": "3.13.5"}, "3.13.5", "2.55"),
        ({"prometheus_version": "4.1.0"}, "4.1.0", "4"),
        ({"prometheus_image": "registry.lab:5000/prom/prometheus:v3.5.3@sha256:0123"}, "3.5.3", "2.55"),
        (
            {
                "prometheus_version": "3.13.5",
                "prometheus_flags_extra": ["--enable-feature=native-histograms,xor2-encoding"],
            },
            "3.13.5",
            "3.11",
        ),
        ({"prometheus_version": "3.13.5", "prometheus_flags_extra": ["--enable-feature=st-storage"]}, "3.13.5", "3.11"),
        (
            {"prometheus_version": "3.13.5", "prometheus_flags_extra": ["--enable-feature", "a,st-storage"]},
            "3.13.5",
            "3.11",
        ),
        (
            {"prometheus_version": "3.13.5", "prometheus_flags_extra": ["--enable-feature=native-histograms"]},
            "3.13.5",
            "2.55",
        ),
    ],
)
def test_which_prometheus_reads_the_data(deployed, variables, version, reader):
    data = deployed("prometheus", **variables)["data"]
    assert (data["version"], data["oldest_reader"], data["files"]) == (version, reader, [])


def test_no_older_grafana_reads_the_data(deployed):
    assert "oldest_reader" not in deployed("grafana")["data"]
