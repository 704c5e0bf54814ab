"""Series as the exporters of a fleet have them, with values made up: names, labels and units are those that the
dashboards query.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

SCRAPE_INTERVAL = 5

# Values of every GPU, also of one without ECC, sensors and NVLink: lowest and highest value of a gauge, or growth per
# second.
GAUGES = {
    "GPU_UTIL": (0, 100),
    "MEM_COPY_UTIL": (0, 80),
    "ENC_UTIL": (0, 5),
    "DEC_UTIL": (0, 5),
    "FB_USED": (4000, 70000),
    "FB_FREE": (9000, 70000),
    "GPU_TEMP": (35, 80),
    "POWER_USAGE": (70, 650),
    "ENFORCED_POWER_LIMIT": (700, 700),
    "SM_CLOCK": (210, 1980),
    "MEM_CLOCK": (2619, 2619),
    "XID_ERRORS": (0, 0),
}
COUNTERS = {
    "TOTAL_ENERGY_CONSUMPTION": 400000.0,
    "PCIE_REPLAY_COUNTER": 0.01,
    "POWER_VIOLATION": 2e8,
    "THERMAL_VIOLATION": 1e6,
}
DATA_CENTER_GAUGES = {
    "MEMORY_TEMP": (40, 90),
    "ROW_REMAP_FAILURE": (0, 0),
    "ROW_REMAP_PENDING": (0, 0),
    "CORRECTABLE_REMAPPED_ROWS": (0, 0),
    "UNCORRECTABLE_REMAPPED_ROWS": (0, 0),
    "ECC_DBE_VOL_TOTAL": (0, 0),
    "NVLINK_BANDWIDTH_TOTAL": (0, 300000),
}
DATA_CENTER_COUNTERS = {"ECC_SBE_VOL_TOTAL": 0.001}
PROFILING = {
    "GR_ENGINE_ACTIVE": (0, 1),
    "PIPE_TENSOR_ACTIVE": (0, 1),
    "DRAM_ACTIVE": (0, 1),
    "PCIE_RX_BYTES": (0, 2e10),
    "PCIE_TX_BYTES": (0, 2e10),
}
PCIE = {"PCIE_RX_THROUGHPUT": (0, 2e7), "PCIE_TX_THROUGHPUT": (0, 2e7)}
# What DCGM reads of a vGPU (https://github.com/NVIDIA/dcgm-exporter/issues/193); its clocks stand still.
OF_VGPU = ("FB_USED", "FB_FREE", "SM_CLOCK", "MEM_CLOCK", "XID_ERRORS")
# A GPU that shares the host's memory has no framebuffer.
NOT_WITH_SHARED_MEMORY = ("FB_USED", "FB_FREE", "MEMORY_TEMP", "XID_ERRORS")
NOT_WITH_MIG = ("GPU_UTIL", "MEM_COPY_UTIL", "ENC_UTIL", "DEC_UTIL", "PCIE_RX_THROUGHPUT", "PCIE_TX_THROUGHPUT")
LATENCY_BUCKETS = (
    "0.001 0.005 0.01 0.02 0.04 0.06 0.08 0.1 0.25 0.5 0.75 1.0 2.5 5.0 7.5 10.0 20.0 40.0 80.0 160.0 640.0 2560.0 +Inf"
).split()


@dataclass(frozen=True)
class Series:
    """A series by its name and labels; a gauge goes to and fro between two values, a counter grows by `rate` per
    second.
    """

    name: str
    labels: tuple[tuple[str, str], ...]
    low: float = 0
    high: float = 0
    rate: float | None = None

    def key(self) -> str:
        """Name and labels in the text format."""
        labels = ",".join(f'{name}="{value}"' for name, value in self.labels)
        return f"{self.name}{{{labels}}}"


def gauge(metric: str, low: float, high: float, /, **labels: str) -> Series:
    """A series that goes to and fro."""
    return Series(metric, tuple(labels.items()), low=low, high=high)


def counter(metric: str, rate: float, /, **labels: str) -> Series:
    """A series that grows."""
    return Series(metric, tuple(labels.items()), rate=rate)


def up(job: str, host: str, **labels: str) -> Series:
    """Whether a target is scraped: it is."""
    return gauge("up", 1, 1, job=job, host=host, **labels)


def gpu_host(host: str, gpus: int, kind: str = "data center", profiling: bool = True) -> Iterator[Series]:
    """The job nvidia-gpu of a host, whose GPUs are all of one kind.

    The kinds are `data center`, `consumer`, `mig`, `vgpu`, and `shared memory` for one without memory of its own. Only
    those for data centers and in MIG mode are ever profiled.
    """
    yield up("nvidia-gpu", host)
    for gpu in range(gpus):
        labels = {
            "host": host,
            "job": "nvidia-gpu",
            "instance": f"{host}:9400",
            **_gpu_of(host, gpu),
            "pci_bus_id": f"00000000:{gpu:02X}:00.0",
            "device": f"nvidia{gpu}",
            "modelName": "NVIDIA GeForce RTX 4090" if kind == "consumer" else "NVIDIA H100 80GB HBM3",
        }
        parts = (
            [{**labels, "GPU_I_PROFILE": "3g.40gb", "GPU_I_ID": str(part)} for part in (1, 2)]
            if kind == "mig"
            else [labels]
        )
        for entity_labels in parts:
            yield from _gpu(entity_labels, kind, profiling and kind in ("data center", "mig"))


def gpu_containers(
    host: str, given: Sequence[tuple[str, int]], kind: str = "data center", usage: bool = False
) -> Iterator[Series]:
    """What the container GPU collector of a host says: the containers that have a GPU, and, with `usage`, what they
    use.

    The DCGM exporter has every GPU.
    """
    target = {"host": host, "job": "node", "instance": f"{host}:9100"}
    yield counter("container_gpu_collector_last_success_timestamp_seconds", 1, **target)
    yield fresh(host)
    exporter = [("dcgm-exporter", gpu) for gpu in sorted({gpu for _name, gpu in given})]
    for name, gpu in [*given, *exporter]:
        own = {"image": "registry.example.com/ml/training:2026.1", "id": f"/docker/{name}", **_gpu_of(host, gpu)}
        more = {"monitoring": "true"} if name == "dcgm-exporter" else {"container_label_team": f"team-{gpu % 2}"}
        for instance in ({"GPU_I_ID": "1"}, {"GPU_I_ID": "2"}) if kind == "mig" else ({},):
            labels = {**target, "name": name, **own, **instance}
            yield gauge("container_gpu_info", 1, 1, via="cdi", **more, **labels)
            if usage:
                yield from _gpu_use({**labels, **({"monitoring": "true"} if name == "dcgm-exporter" else {})})
    if usage:
        # Of a process in no container.
        yield from _gpu_use({**target, **_gpu_of(host, given[0][1])})


def fresh(host: str, works: bool = True) -> Series:
    """What Prometheus records of whether the collector of a host works."""
    return gauge("host:container_gpu_collector:fresh10m", int(works), int(works), host=host)


def gpu_hours(containers: Sequence[tuple[str, str]], mig: bool = False) -> Iterator[Series]:
    """What Prometheus records of the GPUs that containers have, by host and name. Each has a GPU and a label team."""
    of_mig = {"mig": "true"} if mig else {}
    for host, name in containers:
        yield from recorded_gpus("container", host=host, name=name, container_label_team="team-0", **of_mig)
    yield from recorded_gpus("container_labels", container_label_team="team-0", **of_mig)


def recorded_gpus(level: str, /, **labels: str) -> Iterator[Series]:
    """What Prometheus records of one GPU: that it is given, measured, busy, idle and shared."""
    for metric, low, high in (("", 1, 1), ("_measured", 1, 1), ("_busy", 0, 1), ("_idle", 0, 0), ("_shared", 0, 1)):
        yield gauge(f"{level}:gpus{metric}:avg10m", low, high, **labels)


def _gpu_use(labels: dict[str, str]) -> Iterator[Series]:
    yield gauge("container_gpu_memory_used_bytes", 1e9, 8e9, **labels)
    yield gauge("container_gpu_utilization_ratio", 0, 1, **labels)
    yield gauge("container_gpu_processes", 1, 1, **labels)


def _gpu_of(host: str, gpu: int) -> dict[str, str]:
    return {"gpu": str(gpu), "UUID": f"GPU-{random.Random(f'{host}{gpu}').randbytes(16).hex()}"}


def _gpu(labels: dict[str, str], kind: str, profiling: bool) -> Iterator[Series]:
    if kind == "vgpu":
        for field in OF_VGPU:
            low, high = GAUGES[field]
            yield gauge(f"DCGM_FI_DEV_{field}", high if "CLOCK" in field else low, high, **labels)
        return
    gauges = {**GAUGES, **({} if kind == "consumer" else DATA_CENTER_GAUGES), **({} if profiling else PCIE)}
    for field, (low, high) in gauges.items():
        if field not in {"mig": NOT_WITH_MIG, "shared memory": NOT_WITH_SHARED_MEMORY}.get(kind, ()):
            yield gauge(f"DCGM_FI_DEV_{field}", low, high, **labels)
    for field, rate in {**COUNTERS, **({} if kind == "consumer" else DATA_CENTER_COUNTERS)}.items():
        yield counter(f"DCGM_FI_DEV_{field}", rate, **labels)
    if profiling:
        for field, (low, high) in PROFILING.items():
            yield gauge(f"DCGM_FI_PROF_{field}", low, high, **labels)
    if kind == "shared memory":
        # Some versions have no series of XIDs and of clock events before the first.
        return
    yield gauge("DCGM_EXP_XID_ERRORS_COUNT", 0, 0, window_size_in_ms="300000", **labels)
    for event in ("gpu_idle", "power_cap", "sw_thermal"):
        yield gauge("DCGM_EXP_CLOCK_EVENTS_COUNT", 0, 60, window_size_in_ms="300000", clock_event=event, **labels)


def alerts(host: str) -> Iterator[Series]:
    """What Prometheus itself writes while an alert of each severity fires on a host, and one is pending."""
    for name, severity in (("GpuMissing", "page"), ("GpuHot", "warn"), ("GpuIdleAllocated", "info")):
        labels = {"alertname": name, "severity": severity, "host": host, "gpu": "0"}
        yield gauge("ALERTS", 1, 1, alertstate="firing", **labels)
        yield gauge("ALERTS_FOR_STATE", 1767225600, 1767225600, **labels)
    yield gauge("ALERTS", 1, 1, alertname="DiskFull", severity="warn", host=host, alertstate="pending")


def containers(host: str, count: int, disk: bool = True) -> Iterator[Series]:
    """The job cadvisor of a host, whose kernel counts what containers do on the disk or does not."""
    yield up("cadvisor", host)
    for number in range(count):
        labels = {
            "host": host,
            "job": "cadvisor",
            "instance": f"{host}:8088",
            "id": f"/system.slice/docker-{random.Random(f'{host}{number}').randbytes(32).hex()}.scope",
            "name": f"training-{number}",
            "image": "registry.example.com/ml/training:2026.1",
        }
        yield counter("container_cpu_usage_seconds_total", 1 + number % 8, cpu="total", **labels)
        yield counter("container_oom_events_total", 0, **labels)
        yield gauge("container_memory_usage_bytes", 1e9, 8e9, **labels)
        yield gauge("container_memory_working_set_bytes", 1e9, 4e9, **labels)
        yield gauge("container_spec_memory_limit_bytes", 16e9, 16e9, **labels)
        yield gauge("container_start_time_seconds", 1.7e9, 1.7e9, **labels)
        for way in ("receive", "transmit"):
            yield counter(f"container_network_{way}_bytes_total", 1e6, interface="eth0", **labels)
        for way in ("reads", "writes") if disk else ():
            yield counter(f"container_fs_{way}_bytes_total", 1e6, device="/dev/nvme0n1", **labels)


def machine(host: str, cores: int) -> Iterator[Series]:
    """The job node of a host."""
    yield up("node", host)
    labels = {"host": host, "job": "node", "instance": f"{host}:9100"}
    for core in range(cores):
        for mode, rate in (("idle", 0.6), ("iowait", 0.02)):
            yield counter("node_cpu_seconds_total", rate, cpu=str(core), mode=mode, **labels)
    for field, low, high in (("MemTotal", 1e12, 1e12), ("MemAvailable", 4e11, 8e11), ("Cached", 1e11, 3e11)):
        yield gauge(f"node_memory_{field}_bytes", low, high, **labels)
    yield counter("node_time_seconds", 1, **labels)
    for minutes in (1, 5, 15):
        yield gauge(f"node_load{minutes}", 4, 60, **labels)
    for number in range(4):
        for field, rate in (("read_bytes", 1e8), ("written_bytes", 5e7), ("io_time_seconds", 0.3)):
            yield counter(f"node_disk_{field}_total", rate, device=f"nvme{number}n1", **labels)
        for way in ("receive", "transmit"):
            yield counter(f"node_network_{way}_bytes_total", 1e8, device=f"eth{number}", **labels)
    for number in range(4):
        mount = {"device": f"/dev/nvme{number}n1", "fstype": "ext4", "mountpoint": f"/data{number}"}
        yield gauge("node_filesystem_avail_bytes", 1e12, 2e12, **mount, **labels)
        yield gauge("node_filesystem_size_bytes", 4e12, 4e12, **mount, **labels)


def _histogram(name: str, mean: float, labels: dict[str, str]) -> Iterator[Series]:
    """`mean` in the unit of the buckets, at ten observations per second."""
    for bucket in LATENCY_BUCKETS:
        share = 1 if bucket == "+Inf" else min(1.0, float(bucket) / (2 * mean))
        yield counter(f"{name}_bucket", 10 * share, le=bucket, **labels)
    yield counter(f"{name}_sum", 10 * mean, **labels)
    yield counter(f"{name}_count", 10, **labels)


def _vllm(labels: dict[str, str], between_tokens: str, cache: str) -> Iterator[Series]:
    labels = {**labels, "model_name": "meta-llama/Llama-3.1-70B-Instruct", "engine": "0"}
    histograms = {
        "time_to_first_token_seconds": 0.3,
        between_tokens: 0.03,
        "e2e_request_latency_seconds": 8,
        "request_queue_time_seconds": 0.1,
        "request_inference_time_seconds": 8,
    }
    for name, mean in histograms.items():
        yield from _histogram(f"vllm:{name}", mean, labels)
    for name, high in (("num_requests_running", 100), ("num_requests_waiting", 20), (cache, 1)):
        yield gauge(f"vllm:{name}", 0, high, **labels)
    yield counter("vllm:prompt_tokens_total", 9000, **labels)
    yield counter("vllm:generation_tokens_total", 2500, **labels)
    for reason, rate in (("stop", 9), ("length", 1), ("abort", 0.1)):
        yield counter("vllm:request_success_total", rate, finished_reason=reason, **labels)


def _sglang(labels: dict[str, str]) -> Iterator[Series]:
    labels = {**labels, "model_name": "Qwen/Qwen3-32B", "engine_type": "unified", "tp_rank": "0", "pp_rank": "0"}
    latencies = {"time_to_first_token": 0.3, "inter_token_latency": 0.03, "e2e_request_latency": 8, "queue_time": 0.1}
    for name, mean in latencies.items():
        yield from _histogram(f"sglang:{name}_seconds", mean, labels)
    for name, high in (("num_running_reqs", 100), ("num_queue_reqs", 20), ("token_usage", 1)):
        yield gauge(f"sglang:{name}", 0, high, **labels)
    for name, rate in {
        "prompt_tokens": 9000,
        "generation_tokens": 2500,
        "num_requests": 10,
        "num_aborted_requests": 0.1,
    }.items():
        yield counter(f"sglang:{name}_total", rate, **labels)


def _tgi(labels: dict[str, str]) -> Iterator[Series]:
    for name, mean in {
        "duration": 8,
        "queue_duration": 0.1,
        "inference_duration": 8,
        "mean_time_per_token_duration": 0.03,
    }.items():
        yield from _histogram(f"tgi_request_{name}", mean, labels)
    yield counter("tgi_request_success", 10, **labels)
    yield counter("tgi_request_failure", 0.1, err="overloaded", **labels)
    yield counter("tgi_request_generated_tokens_sum", 2500, **labels)
    yield counter("tgi_request_input_length_sum", 9000, **labels)
    yield gauge("tgi_queue_size", 0, 20, **labels)
    yield gauge("tgi_batch_current_size", 0, 64, **labels)


def _triton(labels: dict[str, str]) -> Iterator[Series]:
    labels = {**labels, "model": "resnet50", "version": "1"}
    for name, rate in {
        "request_success": 200,
        "count": 800,
        "request_duration_us": 4e6,
        "queue_duration_us": 1e6,
        "compute_infer_duration_us": 2e6,
    }.items():
        yield counter(f"nv_inference_{name}", rate, **labels)
    yield counter("nv_inference_request_failure", 0, reason="OTHER", **labels)
    yield gauge("nv_inference_pending_request_count", 0, 8, **labels)


def _torchserve(labels: dict[str, str]) -> Iterator[Series]:
    model = {**labels, "model_name": "densenet161", "model_version": "default", "hostname": "9b1c0"}
    for name, rate in {
        "inference_requests_total": 50,
        "inference_latency_microseconds": 1e6,
        "queue_latency_microseconds": 1e5,
    }.items():
        yield counter(f"ts_{name}", rate, **model)
    yield counter("Requests5XX", 0, Level="Host", Hostname="9b1c0", **labels)


def _ray_serve(labels: dict[str, str]) -> Iterator[Series]:
    labels = {**labels, "application": "default"}
    yield from _histogram("ray_serve_http_request_latency_ms", 40, {**labels, "route": "/"})
    yield from _histogram("ray_serve_deployment_processing_latency_ms", 30, {**labels, "deployment": "Model"})
    yield counter("ray_serve_num_http_requests_total", 10, route="/", **labels)
    yield counter("ray_serve_num_http_error_requests_total", 0.1, route="/", error_code="500", **labels)
    yield counter("ray_serve_deployment_request_counter_total", 10, deployment="Model", **labels)
    yield gauge("ray_serve_deployment_queued_queries", 0, 5, deployment="Model", **labels)
    yield gauge("ray_serve_num_ongoing_http_requests", 0, 9, **labels)


ENGINES: dict[str, Callable[[dict[str, str]], Iterator[Series]]] = {
    "vllm": lambda labels: _vllm(labels, "inter_token_latency_seconds", "kv_cache_usage_perc"),
    "vllm-v0": lambda labels: _vllm(labels, "time_per_output_token_seconds", "gpu_cache_usage_perc"),
    "sglang": _sglang,
    "tgi": _tgi,
    "triton": _triton,
    "torchserve": _torchserve,
    "ray-serve": _ray_serve,
}


def model_server(host: str, engine: str) -> Iterator[Series]:
    """The job model-server of a host with one server, named after its engine."""
    labels = {"host": host, "job": "model-server", "instance": f"{host}:8000", "server": engine}
    yield gauge("up", 1, 1, **labels)
    yield from ENGINES[engine](labels)


# How many different courses the values of one kind of series take.
COURSES = 5


def write(series: list[Series], start: int, end: int, file: TextIO, interval: int = SCRAPE_INTERVAL) -> int:
    """Write the samples from `start` to before `end` (Unix times) in the OpenMetrics format; returns how many."""
    times = range(start, end, interval)
    courses: dict[tuple[float, float, float | None, int], list[str]] = {}
    for number, entry in enumerate(series):
        course = (entry.low, entry.high, entry.rate, number % COURSES)
        if course not in courses:
            courses[course] = [
                f" {value:.10g} {time}\n"
                for value, time in zip(_values(entry, number % COURSES, times), times, strict=True)
            ]
        key = entry.key()
        file.write(key + key.join(courses[course]))
    file.write("# EOF\n")
    return len(series) * len(times)


def _values(series: Series, course: int, times: range) -> Iterator[float]:
    chance = random.Random(f"{series.low} {series.high} {series.rate} {course} {times.start}")
    if series.rate is not None:
        for time in times:
            # Counters grow from one block to the next, so they are made of the time, with at most one interval of
            # jitter.
            yield series.rate * (time % 10**7 + SCRAPE_INTERVAL * chance.random())
        return
    for _time in times:
        value = chance.uniform(series.low, series.high)
        yield value if series.high <= 1 else round(value)
