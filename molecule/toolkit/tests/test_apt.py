"""The NVIDIA container toolkit on engines of two generations, up, down, refused and out again, while jobs run.

`gpu1` and the host of its own, gpu3, have Docker 26.1, where containers get GPUs by the runtime; `gpu2` has 28.5 with
CDI.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from toolkit import (
    COUNTER,
    HOST,
    OLDER,
    PACKAGES,
    PRESENT,
    ROLE,
    assert_done,
    assert_refused,
    assert_skipped,
    end_jobs,
    engine,
    jobs,
    longest_pause,
    packages,
    start_job,
)

from tests.lab import driver, hosts, images
from tests.stack import LAB_NAME, Run, image, on, wait_until

DROP_IN = "/run/systemd/system/docker.service.d/test.conf"
RELOAD = "kill -HUP $(systemctl show docker --property MainPID --value)"


@pytest.fixture
def role(play):
    """Runs the role on hosts of the inventory."""

    def run(target: str, *arguments: str, **given: Any) -> Run:
        return play({"hosts": target, "roles": [ROLE]}, *arguments, variables=given)

    return run


@pytest.fixture
def live_restore(bare):
    """gpu3 without a toolkit, whose engine leaves containers running while it restarts."""
    configure(HOST, {**json.loads(on(HOST, "cat /etc/docker/daemon.json")), "live-restore": True}, "live-restore: true")


@pytest.fixture
def installed(spare):
    """gpu3 with the toolkit and a job that has GPUs by the runtime."""
    if packages(HOST) != dict.fromkeys(PACKAGES, PRESENT) or "nvidia" not in on(HOST, "cat /etc/docker/daemon.json"):
        assert_done(spare())
    if (HOST, "gpu-job") not in jobs():
        start_job(HOST, "gpu-job", "--runtime=nvidia", "--env NVIDIA_VISIBLE_DEVICES=all")


@pytest.fixture
def hooked_job(installed):
    """A job that has GPUs by the hook, as in the runtime's legacy mode. It must run until the test ends it."""
    on(HOST, "nvidia-ctk config --in-place --set nvidia-container-runtime.mode=legacy")
    start_job(HOST, "hooked-job", "--runtime=nvidia", "--env NVIDIA_VISIBLE_DEVICES=all")
    on(HOST, "nvidia-ctk config --in-place --set nvidia-container-runtime.mode=auto")
    started = jobs()[HOST, "hooked-job"]
    yield "hooked-job"
    if on(HOST, "docker ps --all --quiet --filter name=hooked-job"):
        assert jobs().get((HOST, "hooked-job")) == started
        assert longest_pause(HOST, "hooked-job") <= 1
        on(HOST, "docker rm --force hooked-job")


@pytest.fixture
def idle(installed, undisturbed_jobs):
    """gpu3 with the toolkit, and no container with GPUs."""
    end_jobs(undisturbed_jobs, "job")


@pytest.fixture
def unit():
    """Gives the engine's unit on gpu3 other lines in [Service] until the end of the test. The engine itself is not
    touched.
    """

    def override(lines: str) -> str:
        return on(
            HOST,
            f"mkdir -p $(dirname {DROP_IN}) && printf '[Service]\\n{lines}\\n' >{DROP_IN} && systemctl daemon-reload",
        )

    yield override
    on(HOST, f"rm -f {DROP_IN} && systemctl daemon-reload")


def configure(name: str, configuration: dict[str, Any], shown: str) -> None:
    """Write the configuration of a host's engine, and wait until the engine shows this."""
    on(name, f"echo '{json.dumps(configuration)}' >/etc/docker/daemon.json && {RELOAD}")
    wait_until(
        lambda: shown in on(name, "docker info --format '{{json .Runtimes}} live-restore: {{.LiveRestoreEnabled}}'"),
        shown,
    )


def state_of(name: str) -> str:
    """All that the role could change on a host, as text."""
    return engine(name) + on(
        name,
        "dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n' | grep ' installed';"
        "find /etc/apt /usr/share/keyrings /etc/cdi /var/run/cdi /etc/docker -type f ! -name '*~'"
        " -exec sha256sum {} + -exec stat --format '%A %U %G %n' {} + 2>/dev/null;"
        "docker info --format '{{json .Runtimes}}'",
    )


# Engines of two generations


@pytest.mark.parametrize(("name", "mechanism"), [("gpu1", "by the runtime nvidia"), ("gpu2", "by CDI")])
def test_a_container_sees_the_gpus_of_the_host(role, name, mechanism):
    before = engine(name)
    run = role(name)
    assert_done(run, changed=False)
    assert engine(name) == before
    said = " ".join(run.output.replace("\\n", " ").split())
    assert mechanism in said
    assert f"Verified: a container saw {', '.join(gpu.uuid for gpu in driver.gpus(name))}." in said


def test_without_an_image_nothing_is_verified_and_that_is_said(role):
    run = role("gpu1", nvidia_container_toolkit_verify_image="")
    assert_done(run, changed=False)
    assert "Not verified, since nvidia_container_toolkit_verify_image is empty" in run.output


def test_a_gpu_that_containers_do_not_see_fails_the_role(role):
    """The container gets all GPUs of the CDI specification, and the driver shows one more: the specification is of
    fewer GPUs and cannot be mended.
    """
    gpus = driver.gpus("gpu2")
    strange = driver.Gpu(7, "GPU-00000007-0000-4000-8000-000000000000", "NVIDIA H100 80GB HBM3", 81559)
    on("gpu2", "cp /var/run/cdi/nvidia.yaml /root && sed -i '/name: GPU-/s/GPU-.*/by-hand/' /var/run/cdi/nvidia.yaml")
    hosts.set_state(LAB_NAME, "gpu2", driver.state([*gpus, strange]))
    try:
        assert_refused(role("gpu2"), "does not see GPU-00000007", "by CDI")
    finally:
        hosts.set_state(LAB_NAME, "gpu2", driver.state(gpus))
        on("gpu2", "cp /root/nvidia.yaml /var/run/cdi/nvidia.yaml")


def test_an_old_driver_is_refused_with_what_to_do(role):
    before = state_of("gpu1")
    run = role("gpu1", nvidia_container_toolkit_driver_minimum="999.1")
    assert_refused(run, driver.VERSION, "999.1", "Install a newer driver")
    assert state_of("gpu1") == before


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("rm /var/run/cdi/nvidia.yaml", id="none", marks=pytest.mark.long),
        pytest.param(f"sed -i s/{driver.VERSION}/570.86.10/ /var/run/cdi/nvidia.yaml", id="of another driver"),
    ],
)
def test_a_cdi_specification_that_is_not_current_is_written_again(role, damage):
    current = on("gpu2", "cat /var/run/cdi/nvidia.yaml")
    on("gpu2", damage)
    assert_done(role("gpu2"), changed=True)
    assert on("gpu2", "cat /var/run/cdi/nvidia.yaml") == current


@pytest.fixture
def no_service():
    """The toolkit's service is not on gpu2, as before 1.18, and its specification is missing."""
    unit = "/usr/lib/systemd/system/nvidia-cdi-refresh.service"
    on("gpu2", f"mv {unit} /root && rm /var/run/cdi/nvidia.yaml")
    yield
    on(
        "gpu2",
        f"rm -f /etc/cdi/mlops.gpu_monitoring.yaml && mv /root/nvidia-cdi-refresh.service {unit} && systemctl"
        " start nvidia-cdi-refresh.service",
    )


@pytest.mark.long
def test_without_the_toolkits_service_the_role_writes_the_specification(role, no_service):
    assert_done(role("gpu2"), changed=True)
    assert on("gpu2", "ls /etc/cdi") == "mlops.gpu_monitoring.yaml"
    assert_done(role("gpu2"), changed=False)


@pytest.mark.long
def test_with_the_service_back_its_specification_is_the_only_one(role):
    """The role wrote one of its own while there was no service."""
    on("gpu2", "mkdir -p /etc/cdi && cp /var/run/cdi/nvidia.yaml /etc/cdi/mlops.gpu_monitoring.yaml")
    assert_done(role("gpu2"), changed=True)
    assert on("gpu2", "ls /etc/cdi /var/run/cdi") == "/etc/cdi:\n\n/var/run/cdi:\nnvidia.yaml"
    assert_done(role("gpu2"), changed=False)


@pytest.fixture
def by_hand():
    """Puts a specification, the current one changed by sed, into /etc/cdi of gpu2."""

    def write(change: str) -> str:
        return on(
            "gpu2",
            f"mkdir -p /etc/cdi && sed '{change}' /root/current.yaml >/etc/cdi/nvidia.yaml && cat /etc/cdi/nvidia.yaml",
        )

    on("gpu2", "cp /var/run/cdi/nvidia.yaml /root/current.yaml")
    yield write
    on("gpu2", "rm -f /etc/cdi/nvidia.yaml")


def test_a_specification_made_by_hand_is_not_overwritten(role, by_hand, no_service):
    stale = by_hand(f"s/{driver.VERSION}/570.86.10/")
    assert_refused(role("gpu2"), "/etc/cdi/nvidia.yaml of gpu2 is not of its GPUs", "It was left unchanged")
    assert on("gpu2", "cat /etc/cdi/nvidia.yaml") == stale


@pytest.mark.long
def test_a_stale_specification_that_gives_no_device_does_not_matter(role, by_hand):
    by_hand(f"s/{driver.VERSION}/570.86.10/")
    assert_done(role("gpu2"), changed=False)


def test_a_stale_specification_that_gives_a_device_is_named(role, by_hand):
    by_hand("s/GPU-00000002/GPU-00000009/")
    assert_refused(
        role("gpu2"),
        "/etc/cdi/nvidia.yaml gives GPU-00000009-0000-4000-8000-000000000000 with driver",
        "Remove the file of another host",
    )


def test_with_cdi_the_engine_is_left_alone_while_a_job_has_gpus_and_packages_come_and_go(
    role, undisturbed_jobs, no_service
):
    """Up, down, out and in again, with the role's own specification."""
    before = engine("gpu2")
    assert_done(role("gpu2"), changed=True)
    start_job("gpu2", "cdi-job", "--device nvidia.com/gpu=all")
    seen = on("gpu2", "docker exec cdi-job nvidia-smi -L")
    assert_done(role("gpu2", nvidia_container_toolkit_version=OLDER))
    assert packages("gpu2") == dict.fromkeys(PACKAGES, OLDER)
    assert_done(role("gpu2"))
    assert packages("gpu2") == dict.fromkeys(PACKAGES, PRESENT)
    on("gpu2", "rm -f /usr/lib/systemd/system/nvidia-cdi-refresh.service /var/run/cdi/nvidia.yaml")
    assert_done(role("gpu2"))
    assert on("gpu2", "ls /etc/cdi /var/run/cdi") == "/etc/cdi:\nmlops.gpu_monitoring.yaml\n\n/var/run/cdi:"
    removal = role("gpu2", nvidia_container_toolkit_state="absent")
    assert_done(removal, changed=True)
    assert "cdi-job" in removal.output
    assert "continue to run" in removal.output
    assert packages("gpu2") == {}
    assert (
        on("gpu2", "find /etc/apt /usr/share/keyrings /etc/cdi /var/run/cdi -name '*nvidia*' -o -path '*cdi/*'") == ""
    )
    assert_done(role("gpu2"), changed=True)
    assert on("gpu2", "docker exec cdi-job nvidia-smi -L") == seen
    assert engine("gpu2") == before
    undisturbed_jobs("gpu2", "cdi-job")


def test_the_runtime_that_the_engine_has_is_left_as_it_is(role):
    configuration = json.loads(on("gpu1", "cat /etc/docker/daemon.json"))
    site = {**configuration, "runtimes": {"nvidia": {"path": "/usr/bin/nvidia-container-runtime", "args": []}}}
    configure("gpu1", site, '"/usr/bin/nvidia-container-runtime"')
    try:
        before = state_of("gpu1")
        assert_done(role("gpu1"), changed=False)
        assert state_of("gpu1") == before
    finally:
        configure("gpu1", configuration, '"path":"nvidia-container-runtime"')


def test_a_runtime_that_gives_no_gpu_fails_the_role(role):
    """In legacy mode the hook of the lab gives none."""
    on("gpu1", "nvidia-ctk config --in-place --set nvidia-container-runtime.mode=legacy")
    try:
        assert_refused(
            role("gpu1"),
            "nvidia_container_toolkit_verify_image",
            "by the runtime nvidia",
            "docker run --rm --runtime=nvidia",
            "config.toml",
        )
    finally:
        on("gpu1", "nvidia-ctk config --in-place --set nvidia-container-runtime.mode=auto")


# MIG


@pytest.mark.long
def test_mig_instances_are_exposed_and_measured(role, site, prometheus):
    """The layout changes, a rerun writes the CDI specification again, and a container, the exporter and Prometheus see
    the instances; then back.
    """
    gpus = driver.gpus("gpu2")
    sliced = driver.sliced(gpus[0], "3g.40gb", "1g.10gb")
    instances = [instance.uuid for instance in sliced.instances]
    hosts.set_state(LAB_NAME, "gpu2", driver.state([sliced]))
    try:
        checked = role("gpu2", "--check", "--diff")
        assert_done(checked, changed=True)
        run = site()
        assert_done(run, changed=True)
        assert "2 MIG instances" in run.output
        for uuid in instances:
            assert uuid in run.output
            seen = on("gpu2", f"docker run --rm --device nvidia.com/gpu={uuid} --entrypoint nvidia-smi {image()} -L")
            assert [instance for instance in instances if instance in seen] == [uuid]
        query = 'DCGM_FI_DEV_FB_USED{host="gpu2",GPU_I_ID!=""}'
        profiles = wait_until(
            lambda: (
                len({sample["metric"]["GPU_I_ID"] for sample in prometheus.query(query)}) == 2
                and prometheus.query(query)
            ),
            f"no instances in {query}",
        )
        assert {sample["metric"]["GPU_I_PROFILE"] for sample in profiles} == {"3g.40gb", "1g.10gb"}
        assert_done(site(), changed=False)
    finally:
        hosts.set_state(LAB_NAME, "gpu2", driver.state(gpus))
        assert_done(site())


def test_mig_instances_are_exposed_by_the_runtime(role):
    gpus = driver.gpus("gpu1")
    sliced = driver.sliced(gpus[0], "3g.40gb", "1g.10gb")
    instances = [instance.uuid for instance in sliced.instances]
    hosts.set_state(LAB_NAME, "gpu1", driver.state([sliced, gpus[1]]))
    try:
        run = role("gpu1")
        assert_done(run, changed=False)
        assert "2 MIG instances" in run.output
        for uuid in instances:
            assert uuid in run.output
            seen = on(
                "gpu1",
                f"docker run --rm --runtime=nvidia --env NVIDIA_VISIBLE_DEVICES={uuid}"
                f" --entrypoint nvidia-smi {image()} -L",
            )
            assert [device for device in (*instances, gpus[1].uuid) if device in seen] == [uuid]
    finally:
        hosts.set_state(LAB_NAME, "gpu1", driver.state(gpus))


# A fresh host, from the first installation to the removal


def test_hardware_without_a_working_driver_is_a_warning_that_says_what_to_do(spare, bare):
    """The other roles of the play continue."""
    pci = "/sys/bus/pci/devices"
    on(
        HOST,
        f"mount -t tmpfs none {pci} && mkdir {pci}/0000:3b:00.0 && echo 0x10de >{pci}/0000:3b:00.0/vendor && echo"
        f" 0x030200 >{pci}/0000:3b:00.0/class",
    )
    on(HOST, "mount --bind /bin/false /usr/bin/nvidia-smi")
    try:
        run = spare()
        assert_done(run)
        assert "left out here" in run.output
        warning = " ".join(run.output.partition("[WARNING]: gpu3: The host has NVIDIA hardware")[2].split())
        assert warning.startswith(
            "(0000:3b:00.0) but its driver shows no GPU: nvidia-smi ended with 1. Install the NVIDIA driver"
        )
        assert packages(HOST) == {}
    finally:
        on(HOST, f"umount {pci} /usr/bin/nvidia-smi")


def test_nothing_is_taken_out_where_the_role_put_nothing_in(spare, bare):
    """The specification and the runtime are the site's."""
    configuration = on(HOST, "cat /etc/docker/daemon.json")
    site = {**json.loads(configuration), "runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}}
    on(
        HOST,
        f"echo '{json.dumps(site)}' >/etc/docker/daemon.json && mkdir -p /var/run/cdi &&"
        " touch /var/run/cdi/nvidia.yaml",
    )
    before = state_of(HOST)
    run = spare(nvidia_container_toolkit_state="absent")
    assert_done(run, changed=False)
    assert "The role did not install the NVIDIA container toolkit on gpu3" in run.output
    assert state_of(HOST) == before
    on(HOST, f"echo '{configuration}' >/etc/docker/daemon.json && rm /var/run/cdi/nvidia.yaml")


def test_refusals_before_anything_is_changed(spare, bare, tmp_path):
    before = state_of(HOST)
    wrong = "0" * 40
    assert_refused(spare(nvidia_container_toolkit_key_fingerprint=wrong), wrong, "nvidia_container_toolkit_key")
    assert_refused(spare(nvidia_container_toolkit_key="http://apt.lab/none"), "http://apt.lab/none", "404")
    assert_refused(spare(nvidia_container_toolkit_key=str(tmp_path / "none.asc")), "none.asc")
    assert state_of(HOST) == before


def test_an_entry_beside_others_is_named_and_left(spare, bare):
    site = "/etc/apt/sources.list.d/site.list"
    on(
        HOST,
        "printf 'deb http://apt.lab/debian trixie main\\n# ours\\ndeb [trusted=yes]"
        f" http://apt.lab/nvidia/ /\\n' >{site}",
    )
    before = state_of(HOST)
    assert_refused(spare(), f"{site}, line 3: http://apt.lab/nvidia/", "Nothing was changed")
    assert state_of(HOST) == before
    on(HOST, f"rm {site}")


@pytest.mark.parametrize("repository", [pytest.param("wrong-key", marks=pytest.mark.long), "tampered"])
def test_a_repository_that_is_not_what_was_signed_leaves_what_was_there(spare, bare, repository):
    """An entry of NVIDIA's guide, which was set aside, is there again."""
    guide = "/etc/apt/sources.list.d/guide.list"
    on(HOST, f"echo 'deb [trusted=yes] http://apt.lab/nvidia/{repository} /' >{guide} && chmod 640 {guide}")
    before = state_of(HOST)
    run = spare(nvidia_container_toolkit_repository_url=f"http://apt.lab/nvidia/{repository}")
    assert_refused(run, "nvidia_container_toolkit_repository_url", repository)
    assert packages(HOST) == {}
    assert state_of(HOST) == before
    on(HOST, f"rm {guide}")


def test_a_dry_run_on_a_fresh_host_changes_nothing(spare, bare):
    before = state_of(HOST)
    run = spare("--check", "--diff")
    assert_done(run, changed=True)
    assert "Would install" in run.output
    assert state_of(HOST) == before


def test_a_configuration_that_cannot_be_written_is_left_as_it_is(spare, bare):
    """Another repository of the host, which is broken, does not matter."""
    path = "/etc/docker/daemon.json"
    on(HOST, "echo 'deb http://apt.lab/none /' >/etc/apt/sources.list.d/broken.list")
    on(HOST, f"mount --bind {path} {path} && mount -o remount,bind,ro {path}")
    before = on(HOST, f"cat {path}; ls /etc/docker")
    try:
        assert_refused(spare(), path, "Its configuration was not changed")
        assert on(HOST, f"cat {path}; ls /etc/docker") == before
        assert len(packages(HOST)) == 4
    finally:
        on(HOST, f"umount {path}; rm /etc/apt/sources.list.d/broken.list")


@pytest.mark.long
def test_an_engine_that_hangs_is_not_restarted(spare, bare, unit):
    """Nobody knows what it runs, so that a restart could stop the job."""
    before = engine(HOST), on(HOST, "cat /etc/docker/daemon.json")
    unit("ExecReload=\\nExecReload=/bin/kill -STOP $MAINPID")
    try:
        assert_refused(
            spare(docker_engine_allow_restart=True),
            "no longer answers",
            "timed out",
            "previous configuration was restored",
        )
    finally:
        on(HOST, "kill -CONT $(systemctl show docker --property MainPID --value)")
    assert (engine(HOST), on(HOST, "cat /etc/docker/daemon.json")) == before


@pytest.mark.long
def test_a_reload_that_does_not_do_needs_a_restart_which_stops_no_container(spare, bare, unit):
    """The unit's reload does nothing here. The job has no live-restore at first, so that a restart would stop it."""
    configuration = on(HOST, "cat /etc/docker/daemon.json")
    unit("ExecReload=\\nExecReload=/bin/true")
    assert_refused(spare(), "docker_engine_allow_restart is false", "previous configuration was restored")
    assert on(HOST, "cat /etc/docker/daemon.json") == configuration
    assert_skipped(
        spare(docker_engine_allow_restart=True),
        "would stop the running containers job",
        "live-restore",
        "previous configuration was restored",
    )
    assert on(HOST, "cat /etc/docker/daemon.json") == configuration
    configure(HOST, {**json.loads(configuration), "live-restore": True}, "live-restore: true")


@pytest.mark.long
def test_a_restart_that_fails_leaves_the_engine_running_as_it_was(spare, live_restore, unit):
    """The engine does not start while the runtime is in daemon.json."""
    configuration = on(HOST, "cat /etc/docker/daemon.json")
    unit('ExecReload=\\nExecReload=/bin/true\\nExecStartPre=/bin/sh -c "! grep nvidia /etc/docker/daemon.json"')
    assert_refused(
        spare(docker_engine_allow_restart=True),
        "did not take the runtime nvidia",
        "previous configuration was restored",
    )
    assert on(HOST, "cat /etc/docker/daemon.json") == configuration
    assert "nvidia" not in on(HOST, "docker info --format '{{json .Runtimes}}'")


@pytest.mark.long
def test_a_restart_that_does(spare, live_restore, unit):
    unit("ExecReload=\\nExecReload=/bin/true")
    assert_done(spare(docker_engine_allow_restart=True), changed=True)
    assert "nvidia" in json.loads(on(HOST, "docker info --format '{{json .Runtimes}}'"))


@pytest.mark.long
def test_the_version_goes_down_and_up_and_is_held(spare, installed):
    assert_done(spare(nvidia_container_toolkit_version=OLDER), changed=True)
    assert packages(HOST) == dict.fromkeys(PACKAGES, OLDER)
    assert_done(spare(nvidia_container_toolkit_version=OLDER), changed=False)
    assert set(on(HOST, "apt-mark showhold").split()) == set(PACKAGES)
    on(HOST, "apt-get update -q && apt-get upgrade -q -y --no-install-recommends")
    assert packages(HOST) == dict.fromkeys(PACKAGES, OLDER)
    assert_done(spare(), changed=True)
    assert packages(HOST) == dict.fromkeys(PACKAGES, PRESENT)


def test_a_missing_version_leaves_the_installed_packages(spare, installed):
    before = state_of(HOST)
    assert_refused(spare(nvidia_container_toolkit_version="9.9.9"), "nvidia_container_toolkit_version", "9.9.9")
    assert state_of(HOST) == before


def test_a_key_that_is_not_the_repositorys_leaves_the_former_one(spare, installed):
    before = state_of(HOST)
    other = {
        "nvidia_container_toolkit_key": "http://apt.lab/nvidia/wrong-key/key.asc",
        "nvidia_container_toolkit_key_fingerprint": (Path(images.apt_repository()) / "wrong-key" / "fingerprint")
        .read_text()
        .strip(),
    }
    assert_refused(
        spare(nvidia_container_toolkit_version=OLDER, **other),
        "nvidia_container_toolkit_repository_url",
        "http://apt.lab/nvidia",
    )
    assert state_of(HOST) == before


@pytest.mark.long
def test_a_key_given_as_a_file_or_as_text(spare, installed, tmp_path):
    text = on(HOST, "cat /usr/share/keyrings/nvidia-container-toolkit-keyring.asc")
    path = tmp_path / "key.asc"
    path.write_text(text)
    assert_done(spare(nvidia_container_toolkit_key=str(path)), changed=False)
    assert_done(spare(nvidia_container_toolkit_key=text), changed=False)


@pytest.fixture
def late_job():
    """A container that gets GPUs by the hook, as in the runtime's legacy mode, and a script that starts it."""
    mode = "nvidia-ctk config --in-place --set nvidia-container-runtime.mode"
    options = "--name late-job --runtime=nvidia --env NVIDIA_VISIBLE_DEVICES=all --entrypoint /bin/sh"
    on(HOST, f"docker create {options} {image()} -c '{COUNTER}'")
    on(HOST, f"echo '{mode}=legacy && docker start late-job && {mode}=auto' >/root/late-job")
    yield "late-job"
    on(HOST, f"rm -f /root/late-job /etc/apt/apt.conf.d/99late-job; docker rm --force late-job; {mode}=auto")


def test_a_container_that_starts_between_the_look_and_the_act_keeps_its_gpus(spare, installed, late_job):
    """The look of the play shows no such container, so that only the list just before the act can tell."""
    before = state_of(HOST)
    options = {
        "host": "{{ gpu_monitoring_host }}",
        "version": OLDER,
        "default_version": OLDER,
        "minimum_version": "1.12.0",
        "driver_minimum": "418.81.07",
        "repository_url": "{{ nvidia_container_toolkit_repository_url }}",
        "key": "{{ nvidia_container_toolkit_key }}",
        "key_fingerprint": "{{ nvidia_container_toolkit_key_fingerprint }}",
        "name": HOST,
    }
    tasks = [
        {"include_role": {"name": "mlops.gpu_monitoring.docker_engine"}},
        {"command": f"sh /root/{late_job}"},
        {ROLE: options, "register": "acted"},
        {"assert": {"that": ["acted is not changed", "acted.host is defined"]}},
    ]
    run = spare.play({"hosts": "all", "gather_facts": False, "tasks": tasks})
    assert run.code == 0, run.output
    assert late_job in run.error.partition("[WARNING]")[2]
    assert state_of(HOST) == before
    assert on(HOST, f"docker inspect --format '{{{{.State.Running}}}}' {late_job}") == "true"


def test_a_container_that_starts_while_packages_are_fetched_keeps_its_gpus(spare, installed, late_job):
    """It starts after the module has decided, when apt has read the repository."""
    before = state_of(HOST)
    on(HOST, f"echo 'APT::Update::Post-Invoke {{\"sh /root/{late_job}\";}};' >/etc/apt/apt.conf.d/99late-job")
    try:
        assert_skipped(
            spare(nvidia_container_toolkit_version=OLDER), late_job, "daemon-reload", "Run again when these have ended"
        )
    finally:
        on(HOST, "rm /etc/apt/apt.conf.d/99late-job")
    assert state_of(HOST) == before
    assert on(HOST, f"docker inspect --format '{{{{.State.Running}}}}' {late_job}") == "true"


def test_a_toolkit_that_works_is_left_alone(spare, installed):
    """Neither its version nor its holds nor a repository of the site is touched, unless the toolkit is too old."""
    site, own = "/etc/apt/sources.list.d/site.list", "/etc/apt/sources.list.d/nvidia-container-toolkit.sources"
    on(
        HOST,
        f"apt-mark unhold {' '.join(PACKAGES)} && mv {own} /root && echo 'deb [trusted=yes]"
        f" http://apt.lab/nvidia /' >{site}",
    )
    before = state_of(HOST)
    given = {"nvidia_container_toolkit_version": "", "nvidia_container_toolkit_default_version": OLDER}
    try:
        assert_done(spare(**given), changed=False)
        assert state_of(HOST) == before
        assert on(HOST, "apt-mark showhold") == ""
        assert_done(spare(**given, nvidia_container_toolkit_minimum_version="99.0"), changed=True)
        assert packages(HOST) == dict.fromkeys(PACKAGES, OLDER)
        assert on(HOST, f"ls {site}.disabled {own}").split() == [own, f"{site}.disabled"]
    finally:
        on(HOST, f"rm -f {site} {site}.disabled && mv /root/{own.rpartition('/')[2]} {own}")
    assert_done(spare())
    assert packages(HOST) == dict.fromkeys(PACKAGES, PRESENT)


@pytest.mark.long
def test_a_role_that_is_not_enabled_touches_nothing(spare, installed):
    before = state_of(HOST)
    for state in ("present", "absent"):
        run = spare(
            nvidia_container_toolkit_enabled=False,
            nvidia_container_toolkit_state=state,
            nvidia_container_toolkit_version=OLDER,
        )
        assert_done(run, changed=False)
    assert state_of(HOST) == before


def test_packages_do_not_change_while_a_container_has_gpus_by_the_hook(spare, installed, hooked_job):
    before = state_of(HOST)
    assert_skipped(
        spare(nvidia_container_toolkit_version=OLDER),
        "hooked-job",
        "nvidia_container_toolkit_allow_daemon_reload",
        "daemon-reload",
    )
    assert state_of(HOST) == before
    assert_done(spare(), changed=False)
    assert_done(
        spare(nvidia_container_toolkit_version=OLDER, nvidia_container_toolkit_allow_daemon_reload=True), changed=True
    )


def test_what_a_container_needs_is_not_removed(spare, installed, hooked_job, undisturbed_jobs):
    """Neither the program of its runtime, nor packages whose scripts can take its GPUs. The engine has --gpus only
    if it started with the toolkit.
    """
    configure(HOST, {**json.loads(on(HOST, "cat /etc/docker/daemon.json")), "live-restore": True}, "live-restore: true")
    on(HOST, "systemctl restart docker")
    start_job(HOST, "gpus-job", "--gpus all")
    before = state_of(HOST)
    assert_refused(spare(nvidia_container_toolkit_state="absent"), "gpu-job, hooked-job of", "Stop them first")
    assert state_of(HOST) == before
    undisturbed_jobs(HOST, "gpu-job")
    undisturbed_jobs(HOST, "hooked-job")
    assert_refused(
        spare(nvidia_container_toolkit_state="absent"),
        "gpus-job, which got them by NVIDIA's hook",
        "nvidia_container_toolkit_allow_daemon_reload",
    )
    assert state_of(HOST) == before
    on(HOST, "docker rm --force gpus-job")


def test_a_removal_that_the_engine_does_not_take_leaves_everything(spare, idle, unit):
    unit("ExecReload=\\nExecReload=/bin/false")
    before = state_of(HOST)
    assert_refused(
        spare(nvidia_container_toolkit_state="absent"),
        "did not take a configuration without the runtime nvidia",
        "Nothing was removed",
    )
    assert state_of(HOST) == before


def test_removal_takes_out_what_the_role_put_in_and_only_that(spare, idle):
    configuration = json.loads(on(HOST, "cat /etc/docker/daemon.json"))
    checked = spare("--check", "--diff", nvidia_container_toolkit_state="absent")
    assert_done(checked, changed=True)
    assert len(packages(HOST)) == 4
    assert_done(spare(nvidia_container_toolkit_state="absent"), changed=True)
    assert packages(HOST) == {}
    del configuration["runtimes"]
    assert json.loads(on(HOST, "cat /etc/docker/daemon.json")) == configuration
    assert (
        on(HOST, "find /etc/apt /usr/share/keyrings /etc/cdi /var/run/cdi -name '*nvidia*' 2>/dev/null || true") == ""
    )
    assert_done(spare(nvidia_container_toolkit_state="absent"), changed=False)


@pytest.mark.long
def test_a_default_version_is_installed_and_held(spare, bare):
    given = {"nvidia_container_toolkit_version": "", "nvidia_container_toolkit_default_version": OLDER}
    assert_done(spare(**given), changed=True)
    assert packages(HOST) == dict.fromkeys(PACKAGES, OLDER)
    assert set(on(HOST, "apt-mark showhold").split()) == set(PACKAGES)
    assert_done(spare(**given), changed=False)
    assert_done(spare(nvidia_container_toolkit_state="absent"), changed=True)


@pytest.mark.long
def test_removal_leaves_what_was_there_before_the_role(spare, bare):
    """A toolkit by NVIDIA's guide, which the role upgrades and holds."""
    guide = "/etc/apt/sources.list.d/nvidia-container-toolkit.list"
    configuration = on(HOST, "cat /etc/docker/daemon.json")
    wanted = " ".join(f"{package}={OLDER}-1" for package in PACKAGES)
    on(
        HOST,
        f"echo 'deb [trusted=yes] http://apt.lab/nvidia /' >{guide} && apt-get update -q && apt-get install -q -y"
        f" --no-install-recommends {wanted}",
    )
    lists = on(HOST, "cd /etc/apt/sources.list.d && head -v *")
    assert_done(spare(), changed=True)
    assert_done(spare(), changed=False)
    assert packages(HOST) == dict.fromkeys(PACKAGES, PRESENT)
    assert_done(spare("--check", "--diff", nvidia_container_toolkit_state="absent"), changed=True)
    assert_done(spare(nvidia_container_toolkit_state="absent"), changed=True)
    assert packages(HOST) == dict.fromkeys(PACKAGES, PRESENT)
    assert on(HOST, "apt-mark showhold") == ""
    assert on(HOST, "cd /etc/apt/sources.list.d && head -v *") == lists
    assert json.loads(on(HOST, "cat /etc/docker/daemon.json")) == json.loads(configuration)
    assert_done(spare(nvidia_container_toolkit_state="absent"), changed=False)
    assert_done(spare(), changed=True)
