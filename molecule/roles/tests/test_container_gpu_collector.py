"""Which container was given which GPU, as Prometheus has it, is what the containers see, on both engines."""

from __future__ import annotations

import json
import re
import shlex
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.lab import driver, hosts
from tests.stack import LAB_NAME, on, wait_until

# From the start or end of a container to Prometheus, with a scrape every 5 s.
SECONDS = 10
CDI, RUNTIME = "--device=nvidia.com/gpu=", "--runtime=nvidia --env=NVIDIA_VISIBLE_DEVICES="
ANNOTATION = RUNTIME + "void --annotation=cdi.k8s.io/job=nvidia.com/gpu="
# A container that shows what it sees although the engine gives it no program of the driver.
SMI = f"--volume=/usr/bin/nvidia-smi:/usr/bin/nvidia-smi:ro --volume={driver.STATE_FILE}:{driver.STATE_FILE}:ro "
GPUS = {
    "gpu1": [driver.gpus("gpu1")[0], driver.sliced(driver.gpus("gpu1")[1], "3g.40gb", "3g.40gb")],
    "gpu2": driver.gpus("gpu2"),
}
FIRST = {name: gpus[0].uuid for name, gpus in GPUS.items()}
MIG = GPUS["gpu1"][1].instances
WAYS = {
    "cdi-all": CDI + "all",
    "cdi.index_0": CDI + "0",
    "runtime-all": RUNTIME + "all",
    "runtime-index": RUNTIME + "0",
    "runtime-kind": RUNTIME + "runtime.nvidia.com/gpu=0",
    "annotation": ANNOTATION + "0",
    "annotation-without-kind": RUNTIME + "0 --annotation=cdi.k8s.io/job=all",
    "nodes": SMI + "--device=/dev/nvidia0",
    "variable-alone": SMI + "--env=NVIDIA_VISIBLE_DEVICES=all",
}
WAYS_OF_MIG = {
    "cdi-mig-uuid": CDI + MIG[1].uuid,
    "cdi-mig-index": CDI + "1:0",
    "runtime-mig-uuid": RUNTIME + MIG[0].uuid,
    "runtime-mig-index": RUNTIME + "1:1",
    "annotation-and-cdi": f"{ANNOTATION}1:0 {CDI}0",
    "annotation-and-request": f"{ANNOTATION}1:1 --gpus=1",
}
# The hook of the toolkit, which runs nvidia-container-cli, gives nothing in the lab. What it would give is known.
REQUESTS = {"gpus-all": "--gpus=all", "gpus-1": "--gpus=1", "gpus-uuid": "--gpus=device={first}"}
JOBS = {
    "gpu1": {**WAYS, **WAYS_OF_MIG, **REQUESTS},
    "gpu2": {**WAYS, **REQUESTS},
}


def start(name, **jobs):
    """Start containers that do nothing on a host; `jobs` are their options by name."""
    image = "$(docker inspect --format '{{.Config.Image}}' container-gpu-collector)"
    on(
        name,
        " && ".join(
            f"docker run --detach --name {job} {options.format(first=FIRST[name])} {image} sleep infinity"
            for job, options in jobs.items()
        ),
    )


def on_both(work):
    """Work on both hosts at the same time."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(work, GPUS))


def in_prometheus(prometheus, more=""):
    """UUID of the GPU and id of the instance of the containers of others, by host and name of the container."""
    by_container = {}
    for sample in prometheus.query(f'container_gpu_info{{monitoring=""{more}}}'):
        labels = sample["metric"]
        by_container.setdefault((labels["host"], labels["name"]), []).append(
            (labels["UUID"], labels.get("GPU_I_ID", ""))
        )
    return {key: sorted(devices) for key, devices in by_container.items()}


def inside(name, job):
    """The same, as nvidia-smi says in the container: of a GPU with instances the instances."""
    ids = {instance.uuid: str(instance.gi) for gpu in GPUS[name] for instance in gpu.instances}
    devices, gpu = [], ""
    for line in on(name, f"docker exec {job} nvidia-smi -L || true").splitlines():
        uuid = re.search(r"UUID: ([^)]+)\)", line)
        if uuid and uuid[1] in ids:
            devices = [device for device in devices if device != (gpu, "")] + [(gpu, ids[uuid[1]])]
        elif uuid:
            gpu = uuid[1]
            devices.append((gpu, ""))
    return sorted(devices)


@pytest.fixture(scope="module", autouse=True)
def engines():
    """Engines that give GPUs in every way, and two MIG instances on gpu1."""
    before = {name: on(name, "cat /etc/docker/daemon.json") for name in GPUS}
    added = {"features": {"cdi": True}, "runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}}

    def restart(name, gpus, text):
        hosts.set_state(LAB_NAME, name, driver.state(gpus))
        on(
            name,
            f"printf '%s' {shlex.quote(text)} >/etc/docker/daemon.json && systemctl restart nvidia-cdi-refresh docker",
        )

    on_both(lambda name: restart(name, GPUS[name], json.dumps({**json.loads(before[name]), **added})))
    yield
    on_both(lambda name: on(name, f"docker rm --force {' '.join(JOBS[name])} 2>/dev/null || true"))
    on_both(lambda name: restart(name, driver.gpus(name), before[name]))
    # The training job ended with the engine. The next scenario starts a job whose steps have no gap.
    on_both(lambda name: on(name, "docker rm --force training-job"))


@pytest.fixture(scope="module")
def jobs(engines, site):
    """Containers that were started in every way."""
    # The role gives the names of the runtimes to the collector.
    assert site("--limit=gpu_hosts", "--tags=container_gpu_collector").code == 0
    on_both(lambda name: start(name, **JOBS[name]))


def requested(name):
    """What the containers of REQUESTS have."""
    everything = [(gpu.uuid, str(instance.gi)) for gpu in GPUS[name] for instance in gpu.instances]
    everything += [(gpu.uuid, "") for gpu in GPUS[name] if not gpu.instances]
    return {"gpus-all": sorted(everything), "gpus-1": [(FIRST[name], "")], "gpus-uuid": [(FIRST[name], "")]}


def expected():
    """What each container was given, by what it sees itself."""
    known = {
        (name, job): requested(name)[job] if job in REQUESTS else inside(name, job)
        for name, started in JOBS.items()
        for job in started
    }
    return {key: devices for key, devices in known.items() if devices}


def test_what_containers_were_given_is_what_they_see(prometheus, jobs):
    wanted = expected()
    assert ("gpu1", "variable-alone") not in wanted and len(wanted[("gpu1", "cdi-all")]) == 3
    wait_until(
        lambda: in_prometheus(prometheus) == wanted, lambda: f"{in_prometheus(prometheus)} is not {wanted}", SECONDS
    )
    assert not prometheus.query("count by (host, name, UUID, GPU_I_ID) (container_gpu_info) > 1")
    assert not prometheus.query("container_gpu_collector_errors > 0")


def test_it_joins_with_cadvisor_and_dcgm_by_their_labels(prometheus, jobs):
    all_series = len(prometheus.query("container_gpu_info"))
    by_gpu = "container_gpu_info * on (host, UUID, gpu, GPU_I_ID) group_left (modelName) DCGM_FI_DEV_FB_USED"
    by_container = "container_gpu_info * on (host, name, image, id) group_left () container_start_time_seconds"
    for join in (by_gpu, by_container):
        # The DCGM exporter and cAdvisor see a change later.
        wait_until(lambda join=join: len(prometheus.query(join)) == all_series, f"{join} has not all series", 30)
    devices = sum(len(gpu.instances) or 1 for gpus in GPUS.values() for gpu in gpus)
    assert len(prometheus.query("DCGM_FI_DEV_FB_USED")) == devices


@pytest.mark.parametrize("name", GPUS)
def test_a_start_a_restart_and_an_end_are_seen_within_10_s(prometheus, jobs, name):
    start(name, **{"comes-and-goes": CDI + "all"})
    key = (name, "comes-and-goes")
    try:
        wait_until(lambda: key in in_prometheus(prometheus), "the start is not seen", SECONDS)
        on(name, "docker restart --time 0 comes-and-goes")
        restarted = time.time()
        wait_until(
            lambda: prometheus.query(f'timestamp(container_gpu_info{{name="comes-and-goes"}}) > {restarted + 3}'),
            "no sample after the restart",
            SECONDS + 3,
        )
        assert in_prometheus(prometheus)[key] == inside(name, "comes-and-goes")
    finally:
        on(name, "docker rm --force comes-and-goes")
    wait_until(lambda: key not in in_prometheus(prometheus), "the end is not seen", SECONDS)


@pytest.mark.parametrize("name", GPUS)
def test_a_container_that_is_renamed_or_paused_keeps_its_gpus(prometheus, jobs, name):
    start(name, **{"first-name": CDI + "all"})
    old, new = (name, "first-name"), (name, "Second.name_2")
    try:
        wait_until(lambda: old in in_prometheus(prometheus), "the start is not seen", SECONDS)
        given = in_prometheus(prometheus)[old]
        on(name, "docker rename first-name Second.name_2 && docker pause Second.name_2")
        wait_until(
            lambda: in_prometheus(prometheus).get(new) == given and old not in in_prometheus(prometheus),
            "the new name is not seen",
            SECONDS,
        )
    finally:
        on(name, "docker rm --force first-name Second.name_2 2>/dev/null || true")


@pytest.mark.parametrize(("parent", "path"), [("/jobs/vision", "/jobs/vision/"), ("/", "/")])
def test_parents_of_control_groups_are_as_cadvisor_has_them(prometheus, jobs, parent, path):
    start("gpu2", **{"has-a-parent": f"{CDI}0 --cgroup-parent={parent}"})
    group = path + on("gpu2", "docker inspect --format '{{.Id}}' has-a-parent").strip()
    by_container = f'container_gpu_info{{id="{group}"}} and on (host, name, image, id) container_start_time_seconds'
    try:
        # cAdvisor sees a start later.
        wait_until(lambda: prometheus.query(by_container), f"{group} has not both series", 30)
    finally:
        on("gpu2", "docker rm --force has-a-parent")


def test_a_collector_that_stops_leaves_no_old_metrics(prometheus, jobs):
    on("gpu2", "docker stop container-gpu-collector")
    try:
        wait_until(lambda: not prometheus.query('container_gpu_info{host="gpu2"}'), "old metrics stay", SECONDS)
        # By this the alert knows of the end.
        assert prometheus.query('container_gpu_collector_last_success_timestamp_seconds{host="gpu2"}')
    finally:
        on("gpu2", "docker start container-gpu-collector")
    wait_until(lambda: ("gpu2", "cdi-all") in in_prometheus(prometheus), "the metrics come back", SECONDS)


def test_a_restart_of_the_engine(prometheus, jobs):
    on("gpu1", "docker update --restart=always runtime-mig-uuid")
    on("gpu1", "systemctl restart docker")
    wanted = [(GPUS["gpu1"][1].uuid, str(MIG[0].gi))]
    wait_until(
        lambda: (
            {key: devices for key, devices in in_prometheus(prometheus).items() if key[0] == "gpu1"}
            == {("gpu1", "runtime-mig-uuid"): wanted}
        ),
        lambda: f"{in_prometheus(prometheus)}",
        2 * SECONDS,
    )
    assert inside("gpu1", "runtime-mig-uuid") == wanted


@pytest.mark.long
def test_a_collector_that_is_disabled_leaves_the_folder_of_the_node_exporter(prometheus, site):
    arguments = ("--limit=gpu2", "--tags=container_gpu_collector")
    try:
        assert site(*arguments, variables={"container_gpu_collector_enabled": False}).code == 0
        wait_until(lambda: not prometheus.query('container_gpu_info{host="gpu2"}'), "old metrics stay", SECONDS)
        on("gpu2", "docker restart --time 1 node-exporter")
        assert not prometheus.query('node_textfile_scrape_error{host="gpu2"} > 0')
    finally:
        assert site(*arguments).code == 0
    wait_until(lambda: prometheus.query('container_gpu_info{host="gpu2"}'), "the metrics come back", 2 * SECONDS)


@pytest.fixture
def measured(site):
    """The collector of gpu2 asks NVML and takes labels of containers."""
    arguments = ("--limit=gpu2", "--tags=container_gpu_collector")
    labels = ["com.docker.compose.service", "team"]
    variables = {"container_gpu_collector_usage": True, "gpu_monitoring_container_labels": labels}
    assert site(*arguments, variables=variables).code == 0
    assert site(*arguments, variables=variables).recap["gpu2"]["changed"] == 0
    yield
    assert site(*arguments).code == 0


def test_use_by_container_and_labels_of_compose(prometheus, jobs, measured):
    labels = "--label=com.docker.compose.service=train --label=team=vision --label=other=x"
    start("gpu2", **{"vision-train-1": f"{CDI}all {labels}"})
    try:
        job = int(on("gpu2", "docker inspect --format '{{.State.Pid}}' vision-train-1"))
        processes = [(0, job, 1000, 40), (0, 1, 24, 0)]
        hosts.set_state(LAB_NAME, "gpu2", driver.state(GPUS["gpu2"], processes=processes))

        def values(family):
            return {
                sample["metric"].get("name", ""): float(sample["value"][1])
                for sample in prometheus.query(f'{family}{{host="gpu2"}}')
            }

        wait_until(
            lambda: values("container_gpu_memory_used_bytes").get("vision-train-1") == 1000 * 2**20,
            "the memory is not seen",
            2 * SECONDS,
        )
        assert values("container_gpu_memory_used_bytes")[""] == 24 * 2**20
        assert values("container_gpu_utilization_ratio") | {"vision-train-1": 0.4} == values(
            "container_gpu_utilization_ratio"
        )
        assert {name: count for name, count in values("container_gpu_processes").items() if count} == {
            "vision-train-1": 1,
            "": 1,
        }
        [info] = prometheus.query('container_gpu_info{name="vision-train-1"}')
        shown = {key: value for key, value in info["metric"].items() if key.startswith("container_label_")}
        assert shown == {"container_label_com_docker_compose_service": "train", "container_label_team": "vision"}
    finally:
        on("gpu2", "docker rm --force vision-train-1")


@pytest.mark.long
def test_200_containers_that_come_and_go(prometheus, jobs):
    image = on("gpu2", "docker inspect --format '{{.Config.Image}}' container-gpu-collector").strip()
    started = f"docker run --detach --network none --name churn-{{}} {CDI}all {image} sleep infinity"
    on("gpu2", f"seq 200 | xargs -P 4 -I{{}} {started} >/dev/null")
    try:
        wait_until(
            lambda: len(prometheus.query('container_gpu_info{name=~"churn-.*"}')) == 200,
            "not all 200 are seen",
            SECONDS,
        )
    finally:
        on("gpu2", "seq 200 | xargs -P 4 -I{} docker rm --force churn-{} >/dev/null")
    wait_until(lambda: not prometheus.query('container_gpu_info{name=~"churn-.*"}'), "some of the 200 stay", SECONDS)
    assert not prometheus.query("container_gpu_collector_errors > 0")
    process = on("gpu2", "docker inspect --format '{{.State.Pid}}' container-gpu-collector").strip()
    peak = re.search(r"VmHWM:\s+(\d+) kB", on("gpu2", f"cat /proc/{process}/status"))
    assert peak and int(peak[1]) < 40 * 1024
