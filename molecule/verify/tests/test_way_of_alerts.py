"""The playbook verify says one sentence for each fault on the way from a rule to Alertmanager."""

from __future__ import annotations

import pytest

from tests.stack import on, wait_until

CONFIGURATION = "/etc/gpu_monitoring/prometheus/prometheus.yml"
# More than one GPU of a host matches.
FAILING = {"alert": "SiteFails", "expr": "DCGM_FI_DEV_GPU_TEMP * on (host) DCGM_FI_DEV_GPU_TEMP"}


@pytest.fixture
def prometheus_role(site):
    """Runs the role prometheus with these variables, and without them after the test."""

    def run(**variables):
        deployment = site("--limit=monitor1", "--tags=prometheus", variables=variables)
        assert deployment.code == 0, deployment.output

    yield run
    run()


@pytest.fixture
def reloaded(prometheus):
    """Changes the configuration by a command of sed, and reloads Prometheus."""

    def run(command):
        on("monitor1", f"sed -i '{command}' {CONFIGURATION}")
        prometheus.session.post(f"{prometheus.url}/-/reload", timeout=10).raise_for_status()

    return run


def test_an_alertmanager_that_stopped(told):
    on("monitor1", "docker stop alertmanager")
    try:
        run = told("Alertmanager cannot be asked: ")
        assert "Alertmanager does not run on monitor1: its container alertmanager is exited. " in run.error
    finally:
        on("monitor1", "docker start alertmanager")


# `tests/rules/test_verify_alerts.py` has the sentences too.
@pytest.mark.long
def test_rules_that_are_missing_and_rules_that_fail(verify, prometheus_role, reloaded):
    prometheus_role(prometheus_rules_extra=[{"name": "site", "rules": [FAILING]}])
    reloaded("/alerts-machines.yml/d")

    def sentences():
        _run, report = verify()
        return [problem["message"] for problem in report["problems"] if "SiteFails" in str(report["problems"])]

    missing, failing = wait_until(sentences, "the rule does not fail")
    assert missing.startswith("Prometheus has no rule for the alerts HostClockOff, HostDiskFillsSoon, HostDiskFull, ")
    assert failing.startswith(
        "Prometheus cannot evaluate the rule SiteFails: found duplicate series for the match group "
    )


@pytest.mark.long
def test_an_alertmanager_that_prometheus_cannot_reach(told, prometheus_role, reloaded):
    reloaded("s/alertmanager:9093/alertmanager:9094/")
    told("Prometheus cannot send alerts to https://alertmanager:9094: each of ")
