"""A real Prometheus of the role goes from 3.5 to the default version and back, with the data of both."""

from __future__ import annotations

import subprocess
import time

import pytest
import requests

from tests.engine.failed import Failed
from tests.engine.fleet import prometheus_image, wait_until
from tests.engine.prometheus_site import VOLUME, deployer
from tests.lab import images

HOUR = 3600
# The role's own measurement of Prometheus, which each version adds samples to.
PROBE = 'count_over_time(up{job="prometheus"}[1h])'


@pytest.fixture(scope="module")
def older_image():
    """Prometheus 3.5 of Debian, built if it does not exist."""
    return images.build("prometheus_debian", images.bases())


@pytest.fixture
def deploy(run, name, tmp_path):
    """Deploys Prometheus of an image, which measures itself each second and writes nowhere else."""
    deployed = deployer(run, name, tmp_path)
    return lambda image, **site: deployed(
        prometheus_image=image, prometheus_scrape_interval="1s", prometheus_remote_write=[], **site
    )


def ask(url, path, **parameters):
    """What the API of Prometheus answers; empty while it starts."""
    try:
        answer = requests.get(f"{url}/prometheus/api/v1/{path}", params=parameters, timeout=10)
    except requests.ConnectionError:
        return {}
    return answer.json()["data"] if answer.ok else {}


def value(url, query):
    """The value of the query's only series; 0 if it has none."""
    result = ask(url, "query", query=query).get("result")
    return float(result[0]["value"][1]) if result else 0.0


def version(url):
    """Major and minor version of the Prometheus that answers."""
    return tuple(int(number) for number in ask(url, "status/buildinfo")["version"].split(".")[:2])


def write_block(image, metric, hours, folder):
    """A block in the volume with an hour of a metric, written by the promtool of an image."""
    start = int(time.time()) - hours * HOUR
    samples = "".join(f"{metric} {minute} {start + 60 * minute}\n" for minute in range(60))
    (folder / "samples").write_text(f"# TYPE {metric} gauge\n{samples}# EOF\n")
    mounts = [f"--volume={VOLUME}:/prometheus", f"--volume={folder}:/import:ro"]
    command = ["tsdb", "create-blocks-from", "openmetrics", "/import/samples", "/prometheus"]
    start_promtool = [
        "docker",
        "run",
        "--rm",
        "--network=none",
        "--tmpfs=/tmp:mode=1777",
        "--user=65534:65534",
        *mounts,
        "--entrypoint=promtool",
        image,
    ]
    subprocess.run([*start_promtool, *command], check=True, capture_output=True)


def wait_for_growth(url, samples):
    """More samples of Prometheus itself than there were; returns how many."""
    wait_until(lambda: value(url, PROBE) > samples, f"Prometheus adds to {samples} samples", 60)
    return value(url, PROBE)


def test_an_upgrade_and_the_way_back_keep_all_data(deploy, older_image, tmp_path):
    source = tmp_path / "import"
    source.mkdir(mode=0o755)
    _first, url = deploy(older_image)
    older = version(url)
    assert older < (3, 13), "Debian no longer has a Prometheus before 3.13"
    write_block(older_image, "made_by_older", 30, source)
    samples = wait_for_growth(url, 0)

    upgraded, _url = deploy(prometheus_image())
    assert upgraded["changed"]
    assert version(url) >= (3, 13)
    assert value(url, "sum_over_time(made_by_older[2d])") == sum(range(60))
    samples = wait_for_growth(url, samples)
    write_block(prometheus_image(), "made_by_newer", 20, source)

    deploy(older_image)
    assert version(url) == older
    for metric in ("made_by_older", "made_by_newer"):
        assert value(url, f"sum_over_time({metric}[2d])") == sum(range(60))
    wait_for_growth(url, samples)
    assert value(url, "prometheus_tsdb_wal_corruptions_total + prometheus_tsdb_reloads_failures_total") == 0


def test_a_new_version_that_dies_on_the_data_gives_it_back(deploy, older_image):
    _first, url = deploy(older_image)
    older, samples = version(url), wait_for_growth(url, 0)
    # Prometheus opens its database before it opens this file, which promtool does not read.
    unwritable = {
        "job_name": "other",
        "scrape_failure_log_file": "/nonexistent/failures.log",
        "static_configs": [{"targets": ["127.0.0.1:9"]}],
    }
    with pytest.raises(Failed, match="error loading config"):
        deploy(prometheus_image(), prometheus_scrape_configs=[unwritable])
    wait_until(lambda: ask(url, "status/buildinfo"), "the previous Prometheus answers")
    assert version(url) == older
    wait_for_growth(url, samples)
