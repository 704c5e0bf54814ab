"""The role prometheus' container with a real Prometheus on this machine's engine: below a path, with all sections of a
site.
"""

from __future__ import annotations

import contextlib
import re

import pytest
import requests
import yaml

from tests.engine.failed import Failed
from tests.engine.fleet import wait_until
from tests.engine.prometheus_site import deployer
from tests.unit.roles.rendering import fleet, service


@pytest.fixture
def deploy(run, name, tmp_path):
    return deployer(run, name, tmp_path)


def configuration(url):
    """The configuration that Prometheus runs with; empty while it starts."""
    with contextlib.suppress(requests.ConnectionError, requests.HTTPError):
        answer = requests.get(f"{url}/prometheus/api/v1/status/config", timeout=10)
        answer.raise_for_status()
        return answer.json()["data"]["yaml"]
    return ""


def test_it_is_healthy_and_reloads_below_its_path(deploy):
    first, url = deploy()
    assert first["changed"]
    text = configuration(url)
    assert "word of the site" not in text
    running = yaml.safe_load(text)
    assert running["alerting"]["alertmanagers"][0]["static_configs"] == [{"targets": ["127.0.0.1:9"]}]
    assert running["remote_write"][0]["basic_auth"]["password_file"] == "/etc/prometheus/secrets/remote"
    assert not deploy()[0]["changed"]
    labelled, _url = deploy(prometheus_external_labels={"site": "a"})
    assert labelled["container"]["id"] == first["container"]["id"]
    wait_until(lambda: "site: a" in configuration(url), "the external labels are loaded")


def test_an_unknown_flag_leaves_the_previous_prometheus_running(deploy):
    first, url = deploy()
    with pytest.raises(Failed, match="no-such-flag"):
        deploy(prometheus_flags_extra=["--no-such-flag"])
    wait_until(lambda: "remote_write" in configuration(url), "the previous Prometheus runs")
    again, _url = deploy()
    assert (again["changed"], again["container"]["id"]) == (False, first["container"]["id"])


def test_what_it_logs_while_it_reads_its_data_is_progress(api, deploy, name, tmp_path):
    """Each start has at least a segment of the write-ahead log to read."""
    deploy()
    api.restart(name)
    assert not deploy()[0]["changed"]
    written = api.logs(name).decode()
    role = service(
        "prometheus", "prometheus", fleet({}, {"this-host": {"ansible_host": "127.0.0.1"}}), "this-host", tmp_path
    )
    steps = re.findall(role["health"]["progress"], written)
    for words in ("Replaying WAL", "WAL segment loaded", "WAL replay completed", "TSDB started"):
        assert [step for step in steps if words in step], written
    assert len({step for step in steps if "WAL segment loaded" in step}) >= 2


@pytest.mark.long
def test_a_receiver_of_samples_that_is_down_can_be_taken_out(deploy):
    def waiting():
        query = {"query": "prometheus_remote_storage_samples_pending > 0"}
        answer = requests.get(f"{url}/prometheus/api/v1/query", params=query, timeout=10)
        return answer.json()["data"]["result"]

    first, url = deploy(prometheus_flags_extra=[])
    wait_until(waiting, "samples wait for the receiver", 60)
    without, _url = deploy(prometheus_flags_extra=[], prometheus_remote_write=[])
    assert without["container"]["id"] == first["container"]["id"]
    assert "remote_write" not in configuration(url)
