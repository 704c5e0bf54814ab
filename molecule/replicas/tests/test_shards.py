"""The monitoring hosts divide the fleet, and VictoriaMetrics on one of them has the data of all."""

from __future__ import annotations

import time

import pytest
import requests
from monitors import EVERYWHERE, SECOND

from tests.lab import hosts, images, shell
from tests.lab.services import NAME
from tests.stack import LAB_NAME, Prometheus, on, wait_until

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def version():
    """The version of VictoriaMetrics in the lab's registry."""
    built = images.build("victoria_metrics", images.bases())
    version = shell.run("docker", "inspect", "--format", '{{index .Config.Labels "lab.version"}}', built)
    target = (
        f"{shell.run('docker', 'port', NAME, '5000/tcp').splitlines()[0]}/victoriametrics/victoria-metrics:v{version}"
    )
    shell.run("docker", "tag", built, target)
    shell.run("docker", "push", "--quiet", target)
    return version


@pytest.fixture(scope="module")
def shards(first, second, playbook, version):
    """Runs a playbook with the topology shards."""
    variables = {
        "gpu_monitoring_topology": "shards",
        "victoria_metrics_enabled": "{{ inventory_hostname == 'monitor1' }}",
        "victoria_metrics_version": version,
    }

    def run(name, **more):
        return playbook(name, **variables, **more)

    done = run("site")
    assert done.code == 0, done.output
    return run


@pytest.fixture(scope="module")
def store():
    """VictoriaMetrics, which answers as Prometheus does."""
    return Prometheus(f"https://{hosts.address(LAB_NAME, 'monitor1')}:8428")


def test_each_host_is_scraped_by_one_of_them_and_victoria_metrics_has_all(shards, first, second, store):
    own = {(job, name) for job in ("alertmanager", "prometheus") for name in ("monitor1", SECOND)}

    def targets(monitor):
        return {target for target in monitor.prometheus.health() if target not in own and "victoria" not in target[0]}

    wait_until(
        lambda: not targets(first) & targets(second), lambda: f"both scrape {targets(first) & targets(second)}", 60
    )
    assert targets(first) | targets(second) == EVERYWHERE
    assert ("node", "monitor1") in targets(second) and ("node", SECOND) in targets(first)
    wait_until(
        lambda: {(each["metric"]["job"], each["metric"]["host"]) for each in store.query("up == 1")} >= EVERYWHERE,
        lambda: f"VictoriaMetrics has {store.query('up')}",
        120,
    )


def test_verify_reports_no_fault_and_an_unchanged_run_changes_nothing(shards):
    verified = shards("verify", verify_wait="90s")
    assert verified.code == 0, verified.output
    run = shards("site")
    assert (run.code, sum(counts["changed"] for counts in run.recap.values())) == (0, 0), run.output


def test_an_agent_sends_what_it_scrapes_and_keeps_nothing(shards, second, store):
    is_agent = f"inventory_hostname == '{SECOND}'"
    variables = {
        "prometheus_agent_mode": f"{{{{ {is_agent} }}}}",
        **dict.fromkeys(("prometheus_alerts_enabled", "alertmanager_enabled"), f"{{{{ not {is_agent} }}}}"),
    }
    run = shards("site", **variables)
    assert run.code == 0, run.output
    deployed = time.time()
    # VictoriaMetrics knows when a sample was scraped for a selector alone.
    scraped = f'timestamp(up{{job="node",prometheus_shard="{SECOND}"}}) > {deployed}'
    wait_until(lambda: store.query(scraped), lambda: on(SECOND, "docker logs --tail=40 prometheus 2>&1"), 120)
    with pytest.raises(requests.HTTPError, match="422"):
        second.prometheus.query("up")
    verified = shards("verify", verify_wait="90s", **variables)
    assert verified.code == 0, verified.output
    again = shards("site", **variables)
    assert (again.code, sum(counts["changed"] for counts in again.recap.values())) == (0, 0), again.output
