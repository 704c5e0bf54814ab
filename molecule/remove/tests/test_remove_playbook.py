"""Only what the collection put on the hosts is removed; the data is removed on request."""

from __future__ import annotations

import pytest

from tests.stack import ROOT, on, run_playbook, wait_until

pytestmark = pytest.mark.long
HOSTS = ("monitor1", "gpu1", "gpu2")
FOLDERS = "/etc/gpu_monitoring /var/lib/gpu_monitoring"


@pytest.fixture
def remove():
    """Runs the playbook remove."""

    def run(*arguments, **variables):
        return run_playbook(ROOT / "playbooks" / "remove.yml", *arguments, variables=variables)

    return run


@pytest.fixture
def deployed(site):
    """The stack is there, as converge or an earlier test left it or by another run."""
    if "prometheus" not in on("monitor1", "docker ps --format '{{.Names}}'").split():
        run = site()
        assert run.code == 0, run.output


def left(name: str) -> str:
    """Everything that the collection deployed, without data."""
    containers = on(name, "docker ps --all --format '{{.Names}}' | grep -v training-job || true")
    networks = on(name, "docker network ls --format '{{.Name}}' | grep monitoring || true")
    return f"{containers} {networks} {on(name, f'find {FOLDERS} -type f 2>/dev/null || true')}".strip()


def changed(run) -> int:
    assert run.code == 0, run.output
    return sum(counts["changed"] for counts in run.recap.values())


def volumes() -> set[str]:
    names = ("alertmanager-data", "prometheus-data", "grafana-storage")
    return set(
        on("monitor1", f"docker volume ls --quiet {' '.join(f'--filter name={name}' for name in names)}").split()
    )


def test_a_dry_run_removes_nothing(deployed, remove):
    before = [left(name) for name in HOSTS]
    run = remove("--check", "--diff")
    assert changed(run) > 0
    for part in (
        "container dcgm-exporter",
        "network monitoring",
        "nvidia-container-toolkit.sources",
        "/etc/docker/daemon.json",
    ):
        assert part in run.output
    assert [left(name) for name in HOSTS] == before


@pytest.fixture
def no_engine():
    """Takes the engine of monitor1 away, and restores it after the test."""
    on(
        "monitor1",
        "systemctl stop docker.socket docker.service && mv /usr/sbin/dockerd /root && rm -f /run/docker.sock",
    )
    yield
    on("monitor1", "[ ! -e /root/dockerd ] || mv /root/dockerd /usr/sbin; systemctl start docker.socket docker.service")


def test_a_host_whose_engine_is_missing_loses_the_files_and_the_rest_when_the_engine_is_back(
    deployed, no_engine, remove
):
    run = remove("--limit=monitor1")
    assert changed(run) > 0
    assert "of the services were not removed" in run.error
    assert on("monitor1", f"find {FOLDERS} -type f").split() == [
        "/etc/gpu_monitoring/grafana/secret_key",
        *(f"/var/lib/gpu_monitoring/{service}.manifest" for service in ("alertmanager", "grafana", "prometheus")),
    ]
    on("monitor1", "mv /root/dockerd /usr/sbin && systemctl start docker.socket docker.service")
    assert changed(remove("--limit=monitor1")) > 0
    assert on("monitor1", "docker ps --all --quiet") == ""


def test_the_services_go_and_the_data_stays(deployed, remove, prometheus, alertmanager, grafana, site):
    silence = run_playbook(ROOT / "playbooks" / "silence.yml", variables={"silence_hosts": "gpu1"})
    assert silence.code == 0, silence.output
    oldest = min(float(sample["value"][1]) for sample in prometheus.query("min_over_time(timestamp(up)[1d:1m])"))
    assert changed(remove()) > 0
    assert (left("gpu1"), left("gpu2")) == ("", "")
    manifests = {f"/var/lib/gpu_monitoring/{service}.manifest" for service in ("alertmanager", "grafana", "prometheus")}
    assert set(left("monitor1").split()) == {"/etc/gpu_monitoring/grafana/secret_key", *manifests}
    assert volumes() == {"alertmanager-data", "prometheus-data", "grafana-storage"}
    assert on("gpu1", "dpkg --list 'nvidia-container-*' 2>/dev/null | grep ^ii || true") == ""
    assert "nvidia" not in on("gpu1", "cat /etc/docker/daemon.json")
    assert changed(remove()) == 0
    assert site().code == 0
    again = wait_until(lambda: prometheus.query("min_over_time(timestamp(up)[1d:1m])"), "samples again")
    assert min(float(sample["value"][1]) for sample in again) <= oldest
    assert wait_until(lambda: grafana.frames("up"), "the datasource's password can still be read")
    assert len(alertmanager.silences()) == 1


def test_the_data_goes_when_asked_for_and_is_listed_first(deployed, remove):
    run = remove(gpu_monitoring_remove_data=True)
    assert changed(run) > 0
    listed = run.output.partition("Remove the services")[0]
    for volume in ("alertmanager-data", "prometheus-data", "grafana-storage"):
        assert f"volume {volume}" in listed
    assert [left(name) for name in HOSTS] == ["", "", ""]
    assert volumes() == set()
    assert on("monitor1", f"ls -d {FOLDERS} 2>/dev/null || true") == ""
    assert changed(remove(gpu_monitoring_remove_data=True)) == 0


@pytest.mark.parametrize("name", ["gpu1", "gpu2"])
def test_the_training_job_outlived_all_of_it(name):
    assert on(name, "docker inspect --format '{{.State.Running}} {{.RestartCount}}' training-job") == "true 0"
    steps = [int(line) / 1e9 for line in on(name, "docker exec training-job cat /tmp/steps").split()]
    assert max(later - earlier for earlier, later in zip(steps, steps[1:], strict=False)) <= 1
