"""The NVIDIA container toolkit on engines of two generations, up, down, refused and out again, while jobs run.

`gpu1` and the host of its own, gpu3, have Docker 26.1, where containers get GPUs by the runtime; `gpu2` has 28.5 with CDI.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from conftest import INVENTORY, ROOT, run_playbook, wait_until

sys.path.insert(0, str(ROOT))

from tests.lab import driver, hosts, images, shell  # noqa: E402

HOST = hosts.GPU_SPARE
ROLE = "mlops.gpu_monitoring.nvidia_container_toolkit"
PACKAGES = ["libnvidia-container-tools", "libnvidia-container1", "nvidia-container-toolkit", "nvidia-container-toolkit-base"]
OLDER = (ROOT / "tests" / "lab" / "toolkit" / "older-version.txt").read_text().strip()
COUNTER = "while true; do date +%s%N >> /tmp/steps; sleep 0.1; done"


def on(name: str, command: str) -> str:
    """What a command says on a host of the lab."""
    return shell.run("docker", "exec", hosts.container("molecule", name), "bash", "-c", command)


def packages(name: str) -> dict[str, str]:
    """Version, without the revision, of each of the four packages that is there."""
    lines = on(name, r"dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' %s 2>/dev/null || true" % " ".join(PACKAGES)).splitlines()
    return {line.split()[1]: line.split()[2].split("-")[0] for line in lines if line.startswith("installed ")}


def steps(name: str, job: str) -> list[float]:
    """When a job's counter moved, in seconds."""
    return [int(line) / 1e9 for line in on(name, f"docker exec {job} cat /tmp/steps").split()]


def start_job(name: str, job: str, image: str, *options: str) -> None:
    on(name, f"docker run --detach --name {job} {' '.join(options)} --entrypoint /bin/sh {image} -c '{COUNTER}'")


@pytest.fixture(scope="module")
def variables() -> dict[str, Any]:
    return yaml.safe_load(INVENTORY.read_text())["all"]["vars"]


@pytest.fixture(scope="module")
def image(variables) -> str:
    """An image of the lab's registry that has a shell."""
    return f"{variables['gpu_monitoring_registry']}/grafana/grafana:{variables['grafana_version']}"


@pytest.fixture(autouse=True)
def jobs_go_on():
    """After each test every job that was there before it runs since the same moment, and its counter never stood still for a second."""

    def jobs() -> dict[tuple[str, str], str]:
        found = {}
        for name in ("gpu1", "gpu2", HOST):
            if shell.succeeds("docker", "container", "inspect", hosts.container("molecule", name)):
                listed = on(name, "docker ps --quiet --filter name=job | xargs --no-run-if-empty docker inspect --format '{{.Name}} {{.State.StartedAt}}'")
                found |= {(name, line.split()[0].lstrip("/")): line.split()[1] for line in listed.splitlines()}
        return found

    before = jobs()
    yield
    after = jobs()
    assert {key: after.get(key) for key in before} == before
    for name, job in before:
        moments = steps(name, job)
        assert max(later - earlier for earlier, later in zip(moments, moments[1:], strict=False)) <= 1


@pytest.fixture
def role(tmp_path) -> Callable[..., Any]:
    """Runs the role on hosts of the inventory."""

    def run(target: str, *arguments: str, **given: Any) -> Any:
        playbook = tmp_path / "playbook.yml"
        playbook.write_text(yaml.safe_dump([{"hosts": target, "gather_facts": False, "roles": [ROLE]}]))
        return run_playbook(playbook, *arguments, variables=given)

    return run


@pytest.fixture(scope="module")
def fresh(variables, image, tmp_path_factory):
    """Runs the role on gpu3: a host with an engine, a GPU, the emulated driver, and a job that counts, and nothing else. Removed afterwards."""
    of_gpu1 = shell.run("docker", "inspect", "--format", "{{.Config.Image}}", hosts.container("molecule", "gpu1"))
    hosts.start("molecule", HOST, of_gpu1, images.emulated_driver())
    start_job(HOST, "job", image)
    path = tmp_path_factory.mktemp("toolkit")
    inventory, playbook = path / "inventory.yml", path / "playbook.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {HOST: {"ansible_host": hosts.address("molecule", HOST)}}, "vars": variables}}))
    playbook.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "roles": [ROLE]}]))
    yield lambda *arguments, **given: run_playbook(playbook, *arguments, inventory=inventory, variables=given)
    hosts.remove("molecule", HOST)


def assert_done(run: Any, changed: bool | None = None) -> None:
    assert run.code == 0, run.output
    if changed is not None:
        assert bool(sum(counts["changed"] for counts in run.recap.values())) == changed, run.output


def assert_refused(run: Any, *words: str) -> None:
    assert run.code != 0, run.output
    assert "Traceback" not in run.output
    for word in words:
        assert word in run.error, run.output


def state_of(name: str) -> str:
    """All that the role could change on a host, as text."""
    return on(
        name,
        "dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n' | grep -v deinstall | grep ' installed';"
        "find /etc/apt /usr/share/keyrings /etc/cdi /var/run/cdi /etc/docker -type f ! -name '*~' -exec sha256sum {} + 2>/dev/null;"
        "docker info --format '{{json .Runtimes}}'; systemctl show docker --property MainPID",
    )


# Engines of two generations


@pytest.mark.parametrize(("name", "mechanism"), [("gpu1", "by the runtime nvidia"), ("gpu2", "by CDI")])
def test_a_container_sees_the_gpus_of_the_host(role, name, mechanism):
    run = role(name)
    assert_done(run, changed=False)
    said = " ".join(run.output.replace("\\n", " ").split())
    assert mechanism in said
    assert f"Verified: a container saw {', '.join(gpu.uuid for gpu in driver.gpus(name))}." in said


def test_without_an_image_nothing_is_verified_and_that_is_said(role):
    run = role("gpu1", nvidia_container_toolkit_verify_image="")
    assert_done(run, changed=False)
    assert "Not verified, since nvidia_container_toolkit_verify_image is empty" in run.output


def test_a_gpu_that_containers_do_not_see_fails_the_role(role):
    """The container gets all GPUs of the CDI specification, and the driver shows one more: the specification is of fewer GPUs and cannot be mended."""
    there = driver.gpus("gpu2")
    strange = driver.Gpu(7, "GPU-00000007-0000-4000-8000-000000000000", "NVIDIA H100 80GB HBM3", 81559)
    on("gpu2", "cp /var/run/cdi/nvidia.yaml /root && sed -i '/name: GPU-/s/GPU-.*/by-hand/' /var/run/cdi/nvidia.yaml")
    hosts.set_state("molecule", "gpu2", driver.state([*there, strange]))
    try:
        assert_refused(role("gpu2"), "does not see GPU-00000007", "by CDI")
    finally:
        hosts.set_state("molecule", "gpu2", driver.state(there))
        on("gpu2", "cp /root/nvidia.yaml /var/run/cdi/nvidia.yaml")


def test_an_old_driver_is_refused_with_what_to_do(role):
    before = state_of("gpu1")
    run = role("gpu1", nvidia_container_toolkit_driver_minimum="999.1")
    assert_refused(run, driver.VERSION, "999.1", "Install a newer driver")
    assert state_of("gpu1") == before


@pytest.mark.parametrize(
    "damage", ["rm /var/run/cdi/nvidia.yaml", f"sed -i s/{driver.VERSION}/570.86.10/ /var/run/cdi/nvidia.yaml"], ids=["none", "of another driver"]
)
def test_a_cdi_specification_that_is_not_current_is_written_anew(role, damage):
    current = on("gpu2", "cat /var/run/cdi/nvidia.yaml")
    on("gpu2", damage)
    assert_done(role("gpu2"), changed=True)
    assert on("gpu2", "cat /var/run/cdi/nvidia.yaml") == current


def test_without_the_toolkits_service_the_role_writes_the_specification(role):
    unit = "/usr/lib/systemd/system/nvidia-cdi-refresh.service"
    on("gpu2", f"mv {unit} /root && rm /var/run/cdi/nvidia.yaml")
    try:
        assert_done(role("gpu2"), changed=True)
        assert on("gpu2", "head -1 /etc/cdi/nvidia.yaml") == f"# Written by the role {ROLE}"
        assert_done(role("gpu2"), changed=False)
    finally:
        on("gpu2", f"mv /root/nvidia-cdi-refresh.service {unit}")
    assert_done(role("gpu2"), changed=True)
    assert on("gpu2", "ls /etc/cdi /var/run/cdi") == "/etc/cdi:\n\n/var/run/cdi:\nnvidia.yaml"
    assert_done(role("gpu2"), changed=False)


# MIG


def test_mig_instances_are_exposed_and_measured(role, site, prometheus, image):
    """The layout changes, a rerun writes the CDI specification anew, and a container, the exporter and Prometheus see the instances; then back."""
    there = driver.gpus("gpu2")
    sliced = driver.sliced(there[0], "3g.40gb", "1g.10gb")
    instances = [one.uuid for one in sliced.instances]
    hosts.set_state("molecule", "gpu2", driver.state([sliced]))
    try:
        checked = role("gpu2", "--check", "--diff")
        assert_done(checked, changed=True)
        run = site()
        assert_done(run, changed=True)
        assert "2 MIG instances" in run.output
        for uuid in instances:
            assert uuid in run.output
            seen = on("gpu2", f"docker run --rm --device nvidia.com/gpu={uuid} --entrypoint nvidia-smi {image} -L")
            assert [one for one in instances if one in seen] == [uuid]
        query = 'DCGM_FI_DEV_FB_USED{host="gpu2",GPU_I_ID!=""}'
        profiles = wait_until(
            lambda: len({sample["metric"]["GPU_I_ID"] for sample in prometheus.query(query)}) == 2 and prometheus.query(query), f"no instances in {query}"
        )
        assert {sample["metric"]["GPU_I_PROFILE"] for sample in profiles} == {"3g.40gb", "1g.10gb"}
        assert_done(site(), changed=False)
    finally:
        hosts.set_state("molecule", "gpu2", driver.state(there))
        assert_done(site())


# A fresh host, from the first installation to the removal


def test_refusals_before_anything_is_changed(fresh, tmp_path):
    before = state_of(HOST)
    wrong = "0" * 40
    assert_refused(fresh(nvidia_container_toolkit_key_fingerprint=wrong), wrong, "nvidia_container_toolkit_key")
    assert_refused(fresh(nvidia_container_toolkit_key="http://apt.lab/none"), "http://apt.lab/none", "404")
    assert_refused(fresh(nvidia_container_toolkit_key=str(tmp_path / "none.asc")), "none.asc")
    assert state_of(HOST) == before


@pytest.mark.parametrize("repository", ["wrong-key", "tampered"])
def test_a_repository_that_is_not_what_was_signed_leaves_nothing(fresh, repository):
    before = state_of(HOST).replace("keyrings/nvidia", "")
    run = fresh(nvidia_container_toolkit_repository_url=f"http://apt.lab/nvidia/{repository}")
    assert_refused(run, "nvidia_container_toolkit_repository_url", repository)
    assert packages(HOST) == {}
    assert on(HOST, "ls /etc/apt/sources.list.d | grep nvidia || true") == ""
    on(HOST, "rm /usr/share/keyrings/nvidia-container-toolkit-keyring.asc")
    assert state_of(HOST) == before


def test_a_dry_run_on_a_fresh_host_changes_nothing(fresh):
    before = state_of(HOST)
    run = fresh("--check", "--diff")
    assert_done(run, changed=True)
    assert "Would install" in run.output
    assert state_of(HOST) == before


def test_a_reload_that_does_not_do_needs_a_restart_which_stops_no_container(fresh):
    """The unit's reload does nothing here. The job has no live-restore at first, so that a restart would stop it."""
    drop_in = "/run/systemd/system/docker.service.d/no-reload.conf"
    reload = "kill -HUP $(systemctl show docker --property MainPID --value)"
    configuration = on(HOST, "cat /etc/docker/daemon.json")
    on(HOST, f"mkdir -p $(dirname {drop_in}) && printf '[Service]\\nExecReload=\\nExecReload=/bin/true\\n' >{drop_in} && systemctl daemon-reload")
    try:
        assert_refused(fresh(), "docker_engine_allow_restart is false", "put back as it was")
        assert on(HOST, "cat /etc/docker/daemon.json") == configuration
        assert_refused(fresh(docker_engine_allow_restart=True), "would stop the running containers job", "live-restore", "put back as it was")
        assert on(HOST, "cat /etc/docker/daemon.json") == configuration
        kept = json.dumps({**json.loads(configuration), "live-restore": True})
        on(HOST, f"echo '{kept}' >/etc/docker/daemon.json && {reload}")
        wait_until(lambda: on(HOST, "docker info --format '{{.LiveRestoreEnabled}}'") == "true", "live-restore is in force")
        assert_done(fresh(docker_engine_allow_restart=True), changed=True)
        assert "nvidia" in json.loads(on(HOST, "docker info --format '{{json .Runtimes}}'"))
    finally:
        on(HOST, f"rm {drop_in} && systemctl daemon-reload")
        on(HOST, f"{reload}; true")


def test_the_version_goes_down_and_up_and_is_held(fresh, image):
    start_job(HOST, "gpu-job", image, "--runtime=nvidia", "--env NVIDIA_VISIBLE_DEVICES=all")
    newer = packages(HOST)
    assert_done(fresh(nvidia_container_toolkit_version=OLDER), changed=True)
    assert packages(HOST) == dict.fromkeys(PACKAGES, OLDER)
    assert_done(fresh(nvidia_container_toolkit_version=OLDER), changed=False)
    assert set(on(HOST, "apt-mark showhold").split()) == set(PACKAGES)
    on(HOST, "apt-get update -q && apt-get upgrade -q -y --no-install-recommends")
    assert packages(HOST) == dict.fromkeys(PACKAGES, OLDER)
    assert_done(fresh(), changed=True)
    assert packages(HOST) == newer


def test_a_version_that_is_not_there_leaves_what_is(fresh):
    before = state_of(HOST)
    assert_refused(fresh(nvidia_container_toolkit_version="9.9.9"), "nvidia_container_toolkit_version", "9.9.9")
    assert state_of(HOST) == before


def test_a_key_given_as_a_file_or_as_text(fresh, tmp_path):
    text = on(HOST, "cat /usr/share/keyrings/nvidia-container-toolkit-keyring.asc")
    path = tmp_path / "key.asc"
    path.write_text(text)
    assert_done(fresh(nvidia_container_toolkit_key=str(path)), changed=False)
    assert_done(fresh(nvidia_container_toolkit_key=text), changed=False)


def test_packages_do_not_change_while_a_container_has_gpus_by_the_hook(fresh, image):
    """In the runtime's legacy mode, the hook gives the GPUs."""
    on(HOST, "nvidia-ctk config --in-place --set nvidia-container-runtime.mode=legacy")
    start_job(HOST, "hooked-job", image, "--runtime=nvidia", "--env NVIDIA_VISIBLE_DEVICES=all")
    on(HOST, "nvidia-ctk config --in-place --set nvidia-container-runtime.mode=auto")
    before = state_of(HOST)
    assert_refused(fresh(nvidia_container_toolkit_version=OLDER), "hooked-job", "nvidia_container_toolkit_allow_daemon_reload", "daemon-reload")
    assert state_of(HOST) == before
    assert_done(fresh(), changed=False)
    assert_done(fresh(nvidia_container_toolkit_version=OLDER, nvidia_container_toolkit_allow_daemon_reload=True), changed=True)


def test_what_a_container_runs_by_is_not_removed(fresh):
    before = state_of(HOST)
    assert_refused(fresh(nvidia_container_toolkit_state="absent"), "gpu-job, hooked-job", "Stop them first")
    assert state_of(HOST) == before


def test_removal_takes_out_what_the_role_put_in_and_only_that(fresh):
    on(HOST, "docker rm --force gpu-job hooked-job")
    configuration = json.loads(on(HOST, "cat /etc/docker/daemon.json"))
    checked = fresh("--check", "--diff", nvidia_container_toolkit_state="absent")
    assert_done(checked, changed=True)
    assert len(packages(HOST)) == 4
    assert_done(fresh(nvidia_container_toolkit_state="absent"), changed=True)
    assert packages(HOST) == {}
    del configuration["runtimes"]
    assert json.loads(on(HOST, "cat /etc/docker/daemon.json")) == configuration
    assert on(HOST, "find /etc/apt /usr/share/keyrings /etc/cdi /var/run/cdi -name '*nvidia*' 2>/dev/null || true") == ""
    assert_done(fresh(nvidia_container_toolkit_state="absent"), changed=False)
    assert_done(fresh(), changed=True)
