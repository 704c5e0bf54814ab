"""Each fault has its own sentence, and only that sentence is reported."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import panels, table
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.decide import (
    Wanted,
    decide,
    drawable,
    not_running,
)

NOW = 1_795_000_000.0
DAY = 86400
MARK = "/etc/gpu_monitoring/prometheus.data_since"
UUIDS = {"gpu1": ["GPU-a0", "GPU-a1"], "gpu2": ["GPU-b0"]}
CONTAINERS = ["cadvisor", "dcgm-exporter", "training"]
JOBS = ("cadvisor", "nvidia-gpu", "node")


class Fleet:
    """A sound fleet of gpu1, gpu2 and m1, in which a test breaks something."""

    def __init__(self) -> None:
        self.jobs = {"cadvisor": ["gpu1", "gpu2"], "nvidia-gpu": ["gpu1", "gpu2"], "node": ["gpu1", "gpu2", "m1"]}
        self.servers: list[tuple[str, str]] = []
        self.gpus: dict[str, Any] = {
            host: {
                "present": True,
                "hardware": True,
                "msg": "fine",
                "gpus": [
                    {"uuid": uuid, "index": index, "mig_mode": "Disabled", "mig_devices": []}
                    for index, uuid in enumerate(uuids)
                ],
            }
            for host, uuids in UUIDS.items()
        }
        self.engines: dict[str, Any] = {
            host: {"engine": {"reachable": True, "containers": [{"name": name, "age": 3600} for name in CONTAINERS]}}
            for host in UUIDS
        }
        self.data_since: float | None = NOW - 5 * DAY
        self.prometheus: dict[str, Any] = {
            "now": NOW,
            "targets": [
                {"job": job, "host": host, "server": "", "health": "up", "error": "", "interval": 5.0, "of_role": True}
                for job, hosts in self.jobs.items()
                for host in hosts
            ],
            "scrape_interval": 5.0,
            "gpu_age": {host: dict.fromkeys(uuids, 2.0) for host, uuids in UUIDS.items()},
            "container_age": {"gpu1": 1.0, "gpu2": 3.0},
            "gpus": {host: {uuid: [] for uuid in uuids} for host, uuids in UUIDS.items()},
            "container_series": {"gpu1": 4, "gpu2": 4},
            "containers": {host: list(CONTAINERS) for host in UUIDS},
            "containers_lately": {host: list(CONTAINERS) for host in UUIDS},
            "clock_skew": {"gpu1": 0.1, "gpu2": -0.2, "m1": 0.0},
            "database": {
                "oldest": NOW - 5 * DAY + 8,
                "newest": NOW - 1,
                "retention": 15.0 * DAY,
                "size_limit": 0.0,
                "size": 5e9,
            },
        }
        self.grafana: dict[str, Any] = {
            "error": "",
            "dashboards": {"ml": {"title": "ML system monitoring", "panels": 4, "faults": []}},
        }

    def serve(self, host: str, server: str, health: str = "up", error: str = "") -> None:
        """The inventory has a model server and Prometheus scrapes it."""
        self.servers.append((host, server))
        self.prometheus["targets"].append(
            {
                "job": "model-server",
                "host": host,
                "server": server,
                "health": health,
                "error": error,
                "interval": 5.0,
                "of_role": True,
            }
        )

    def target(self, job: str, host: str) -> dict[str, Any]:
        return next(target for target in self.prometheus["targets"] if (target["job"], target["host"]) == (job, host))

    def down(self, host: str, *jobs: str, error: str = "connect: connection refused") -> None:
        """As Prometheus shows it a scrape later."""
        for job in jobs:
            self.target(job, host).update(health="down", error=error)
        for job, keys in {
            "cadvisor": ["container_series", "containers"],
            "nvidia-gpu": ["gpus"],
            "node": ["clock_skew"],
        }.items():
            for key in keys if job in jobs else []:
                self.prometheus[key].pop(host, None)

    @property
    def wanted(self) -> Wanted:
        jobs = {job: [(host, "") for host in hosts] for job, hosts in self.jobs.items()}
        jobs.update({"model-server": self.servers} if self.servers else {})
        return Wanted(["gpu1", "gpu2", "m1"], jobs, self.gpus, self.engines, 5.0, 60.0, 5.0, self.data_since, MARK)

    def verdict(self) -> Any:
        return decide(self.wanted, copy.deepcopy(self.prometheus), self.grafana)

    @property
    def messages(self) -> list[str]:
        return [problem.message for problem in self.verdict().problems]


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


def test_a_sound_fleet(fleet):
    verdict = fleet.verdict()
    assert (verdict.problems, verdict.notes) == ([], [])
    assert table.lines(verdict.rows, list(fleet.jobs)) == [
        "host  cadvisor  nvidia-gpu  node  sample age  GPUs seen/there  containers seen/there  clock skew",
        "gpu1  up        up          up    2.0 s       2/2              3/3                    +0.1 s",
        "gpu2  up        up          up    3.0 s       1/1              3/3                    -0.2 s",
        "m1    -         -           up    -           -                -                      +0.0 s",
    ]


def test_an_exporter_that_stopped(fleet):
    fleet.down("gpu2", "nvidia-gpu")
    assert fleet.messages == ["The DCGM exporter of gpu2 does not answer Prometheus: connect: connection refused."]


def test_every_gpu_exporter_stopped_empties_panels_which_is_not_reported_again(fleet):
    for host in UUIDS:
        fleet.down(host, "nvidia-gpu")
    fleet.grafana["dashboards"]["ml"]["faults"] = [("GPU Utilization", "")]
    assert len(fleet.messages) == 2
    assert not [message for message in fleet.messages if "dashboard" in message]


def test_where_no_host_is_whole_empty_panels_are_not_reported(fleet):
    fleet.down("gpu1", "nvidia-gpu")
    fleet.down("gpu2", "cadvisor")
    fleet.grafana["dashboards"]["ml"]["faults"] = [("GPU Utilization", "")]
    assert not [message for message in fleet.messages if "dashboard" in message]


@pytest.mark.parametrize(
    ("host", "job", "hosts"),
    [("gpu1", "nvidia-gpu", ["gpu2"]), ("gpu2", "cadvisor", ["gpu1"]), ("m1", "node", ["gpu1", "gpu2"])],
)
def test_dashboards_of_one_host_are_opened_with_one_that_is_whole(fleet, host, job, hosts):
    assert drawable(fleet.wanted, fleet.prometheus).hosts == ["gpu1", "gpu2"]
    fleet.down(host, job)
    assert drawable(fleet.wanted, fleet.prometheus).hosts == hosts


def test_what_no_host_is_to_have_cannot_be_drawn(fleet):
    with_collector(fleet)
    assert drawable(fleet.wanted, fleet.prometheus).absent == []
    del fleet.jobs["node"]
    for info in fleet.gpus.values():
        info.update(present=False, hardware=False, gpus=[])
    assert drawable(fleet.wanted, fleet.prometheus).absent == [r"\bDCGM_", r"\bnode_"]


def test_utilization_cannot_be_drawn_where_all_gpus_are_in_mig_mode(fleet):
    with_collector(fleet)
    fleet.prometheus["gpus"] = {"gpu1": {"GPU-a0": ["1"], "GPU-a1": ["1", "2"]}, "gpu2": {"GPU-b0": ["1"]}}
    assert drawable(fleet.wanted, fleet.prometheus).absent == ["^DCGM_FI_DEV_GPU_UTIL$"]
    fleet.prometheus["gpus"]["gpu2"] = {"GPU-b0": []}
    assert drawable(fleet.wanted, fleet.prometheus).absent == []


def test_a_target_that_prometheus_does_not_have(fleet):
    fleet.prometheus["targets"].remove(fleet.target("cadvisor", "gpu1"))
    assert fleet.messages == [
        "Prometheus does not scrape gpu1 for the job cadvisor, which the inventory asks for. Run the playbook site."
    ]


def test_of_several_targets_of_a_job_the_one_that_is_down_counts(fleet):
    down = {**fleet.target("node", "m1"), "health": "down", "error": "no route to host"}
    fleet.prometheus["targets"].insert(0, down)
    assert fleet.messages == ["The node exporter of m1 does not answer Prometheus: no route to host."]


def test_model_servers_are_reported_by_name(fleet):
    fleet.serve("gpu1", "llama")
    fleet.serve("gpu1", "ranker", "down", "connection refused")
    fleet.serve("gpu1", "resnet", "unknown")
    fleet.servers.append(("gpu2", "whisper"))
    assert fleet.messages == [
        "The model server ranker of gpu1 does not answer Prometheus: connection refused.",
        "The model server resnet of gpu1 has not been scraped yet.",
        "Prometheus does not scrape whisper of gpu2 for the job model-server, which the inventory asks for."
        " Run the playbook site.",
    ]
    assert [row["jobs"].get("model-server") for row in fleet.verdict().rows] == ["down", "missing", None]


def test_a_model_server_that_is_down_empties_no_panel_of_others(fleet):
    fleet.serve("gpu2", "llama", "down", "connection refused")
    assert drawable(fleet.wanted, fleet.prometheus).hosts == ["gpu1", "gpu2"]
    fleet.grafana["dashboards"]["ml"]["faults"] = [("A", "")]
    assert fleet.messages[1:] == ["The dashboard ML system monitoring shows no data in A."]


def test_a_target_that_was_not_scraped_yet(fleet):
    fleet.target("node", "m1").update(health="unknown")
    assert fleet.messages == ["The node exporter of m1 has not been scraped yet."]


def with_collector(fleet: Fleet) -> dict[str, Any]:
    """A collector on gpu1, whose container training has a GPU; returns the engine's data of the container."""
    engine = fleet.engines["gpu1"]["engine"]
    engine.update(default_runtime="runc", nvidia_runtimes=[])
    for container in engine["containers"]:
        container.update(id=container["name"], runtime="runc", service="", asked_gpus=[])
    engine["containers"][-1]["asked_gpus"] = [{"via": "cdi", "names": ["0"]}]
    collector = {"name": "container-gpu-collector", "id": "c", "age": 3600, "runtime": "runc", "asked_gpus": []}
    engine["containers"].append({**collector, "service": "container-gpu-collector"})
    for kind in ("containers", "containers_lately"):
        fleet.prometheus[kind]["gpu1"].append("container-gpu-collector")
    fleet.prometheus["collector_age"] = {"gpu1": 3.0}
    fleet.prometheus["container_gpus"] = {"gpu1": {"training": ["GPU-a0"]}}
    return engine


def test_the_gpus_of_containers_are_compared(fleet):
    with_collector(fleet)
    assert fleet.messages == []
    fleet.prometheus["container_gpus"] = {}
    [problem] = fleet.verdict().problems
    assert (problem.check, problem.host) == ("container_gpus", "gpu1")
    assert "training was given GPU-a0, and Prometheus sees none" in problem.message


def test_gpus_of_containers_are_not_compared_where_a_gpu_came_later(fleet):
    engine = with_collector(fleet)
    engine["containers"][0]["asked_gpus"] = [{"via": "cdi", "names": ["all"]}]
    fleet.prometheus["container_gpus"]["gpu1"][engine["containers"][0]["id"]] = ["GPU-a0"]
    assert "was given GPU-a0 and GPU-a1, and Prometheus sees GPU-a0" in fleet.messages[0]
    del fleet.prometheus["gpus"]["gpu1"]["GPU-a1"]
    assert fleet.messages == ["gpu1 has 2 GPUs and Prometheus sees 1: GPU-a1 (index 1) is missing."]


def test_a_collector_that_stopped_is_reported_and_not_what_it_wrote(fleet):
    engine = with_collector(fleet)
    fleet.prometheus.update(collector_age={"gpu1": 900.0}, container_gpus={})
    del engine["containers"][-1]
    stopped = {
        "service": "container-gpu-collector",
        "container": "container-gpu-collector",
        "status": "exited",
        "error": "",
    }
    engine["stopped_services"] = [stopped]
    assert fleet.messages == [
        "The container GPU collector of gpu1 does not run: its container container-gpu-collector is exited."
        " Run the playbook site."
    ]


def test_gpus_of_containers_are_not_compared_where_something_else_was_reported(fleet):
    with_collector(fleet)
    fleet.prometheus["container_gpus"] = {}
    fleet.down("gpu1", "node")
    assert fleet.messages == ["The node exporter of gpu1 does not answer Prometheus: connect: connection refused."]
    fleet.jobs["node"].remove("gpu1")
    verdict = fleet.verdict()
    reason = "since Prometheus has no data of the job node for them"
    assert f"The GPUs of containers of gpu1 were not checked, {reason}." in verdict.notes
    assert verdict.problems == []


def test_what_a_collector_measures_can_be_drawn_where_one_runs(fleet):
    pattern = drawable(fleet.wanted, fleet.prometheus).absent[-1]
    assert re.search(pattern, "count(container_gpu_info)") and re.search(pattern, "sum(container_labels:gpus:avg10m)")
    assert not re.search(pattern, "container_cpu_usage_seconds_total")
    with_collector(fleet)
    assert drawable(fleet.wanted, fleet.prometheus).absent == []


def test_a_frozen_exporter_though_it_is_up(fleet):
    fleet.prometheus["gpu_age"]["gpu1"] = {"GPU-a0": 75.0, "GPU-a1": 75.0}
    assert fleet.messages == [
        "The DCGM exporter of gpu1 is frozen: no energy, power or temperature has changed for 60 s or more,"
        " though Prometheus scrapes it."
    ]
    assert fleet.verdict().rows[0]["sample_age"] == 75


def test_one_frozen_gpu(fleet):
    fleet.prometheus["gpu_age"]["gpu1"]["GPU-a1"] = 75.0
    [message] = fleet.messages
    assert message.startswith("The values of GPU-a1 of gpu1 are frozen: ")


@pytest.mark.parametrize("ages", [{"gpu1": 1.0, "gpu2": 75.0}, {"gpu1": 1.0}])
def test_a_frozen_cadvisor_whose_samples_stand_still_or_end(fleet, ages):
    fleet.prometheus["container_age"] = ages
    assert fleet.messages == [
        "cAdvisor of gpu2 is frozen: no container's CPU time has changed for 60 s or more,"
        " though Prometheus scrapes it."
    ]


def test_without_node_data_a_frozen_cadvisor_may_be_a_clock(fleet):
    fleet.down("gpu2", "node")
    fleet.prometheus["container_age"].pop("gpu2")
    assert fleet.messages[1].endswith("Or the clock of gpu2 is behind, which the job node would show.")


def test_one_gpu_missing(fleet):
    del fleet.prometheus["gpus"]["gpu1"]["GPU-a1"]
    assert fleet.messages == ["gpu1 has 2 GPUs and Prometheus sees 1: GPU-a1 (index 1) is missing."]


def test_a_lost_gpu_is_not_frozen_too(fleet):
    """Its last values are still in the window."""
    del fleet.prometheus["gpus"]["gpu1"]["GPU-a1"]
    fleet.prometheus["gpu_age"]["gpu1"]["GPU-a1"] = 75.0
    assert fleet.messages == ["gpu1 has 2 GPUs and Prometheus sees 1: GPU-a1 (index 1) is missing."]
    assert fleet.verdict().rows[0]["sample_age"] == 2


def test_a_gpu_that_the_driver_lost(fleet):
    fleet.gpus["gpu1"]["gpus"].pop()
    assert fleet.messages == ["Prometheus sees GPU-a1 on gpu1, which the driver there does not show."]


LOST = (
    "gpu1 has 2 NVIDIA PCI devices, 1 GPU answers: 0000:ba:00.0 does not."
    " The kernel's log says why (journalctl -k --grep NVRM)."
)


def lose_a_gpu(fleet: Fleet) -> None:
    fleet.gpus["gpu1"]["gpus"].pop()
    fleet.gpus["gpu1"].update(lost_devices=["0000:ba:00.0"])


def test_a_lost_gpu_is_reported_by_its_pci_address(fleet):
    lose_a_gpu(fleet)
    del fleet.prometheus["gpus"]["gpu1"]["GPU-a1"]
    assert fleet.messages == [LOST]


def test_what_prometheus_still_has_of_a_lost_gpu_is_not_reported_again(fleet):
    lose_a_gpu(fleet)
    fleet.prometheus["gpu_age"]["gpu1"]["GPU-a1"] = 75.0
    verdict = fleet.verdict()
    assert ([problem.message for problem in verdict.problems], verdict.notes, verdict.rows[0]["sample_age"]) == (
        [LOST],
        [],
        2,
    )
    fleet.prometheus["gpu_age"]["gpu1"]["GPU-a0"] = 75.0
    assert fleet.messages[1].startswith("The DCGM exporter of gpu1 is frozen: ")
    fleet.prometheus["gpu_age"]["gpu1"]["GPU-a0"] = 2.0
    fleet.prometheus["gpus"]["gpu1"]["GPU-x"] = []
    assert fleet.messages[1] == "Prometheus sees GPU-a1 and GPU-x on gpu1, which the driver there does not show."


def test_a_lost_gpu_is_reported_though_the_exporter_is_down(fleet):
    lose_a_gpu(fleet)
    fleet.down("gpu1", "nvidia-gpu")
    assert fleet.messages[1:] == [LOST]


def test_a_driver_that_shows_no_gpu_says_nothing_of_those_that_the_exporter_sees(fleet):
    fleet.gpus["gpu1"].update(present=False, gpus=[], msg="Driver/library version mismatch. Reboot.")
    assert fleet.messages == ["GPUs of gpu1 were not compared: Driver/library version mismatch. Reboot."]


def test_a_gpu_of_which_nothing_moves_is_a_note_and_no_fault(fleet):
    """As an idle vGPU, of which DCGM reads memory and clocks alone."""
    del fleet.prometheus["gpu_age"]["gpu2"]
    verdict = fleet.verdict()
    assert verdict.problems == []
    assert verdict.notes == [
        "Whether values of GPUs of gpu2 are frozen was not checked, since these GPUs measure no energy,"
        " power or temperature."
    ]


def measures_less(fleet: Fleet, host: str, **gpu: Any) -> None:
    for known in fleet.gpus[host]["gpus"]:
        known.update(gpu)


VGPU, UNIFIED = {"virtual": True}, {"memory_mib": None}


@pytest.mark.parametrize(
    ("query", "kind", "asked"),
    [
        ("DCGM_FI_DEV_GPU_UTIL", VGPU, False),
        ('max by (host) (DCGM_FI_DEV_GPU_TEMP{host=~"x"})', VGPU, False),
        ("DCGM_FI_DEV_FB_USED / 1024", VGPU, True),
        ("DCGM_FI_DEV_SM_CLOCK", VGPU, True),
        ("DCGM_FI_DEV_FB_USED / 1024", UNIFIED, False),
        ("DCGM_FI_DEV_FB_USED or node_memory_MemTotal_bytes", UNIFIED, True),
        ("DCGM_FI_DEV_GPU_UTIL", UNIFIED, True),
    ],
)
def test_what_no_gpu_of_a_fleet_measures_cannot_be_drawn(fleet, query, kind, asked):
    for host in UUIDS:
        measures_less(fleet, host, **kind)
    panel_query = panels.Query(0, "P", "prom", query, query, "")
    assert panels.is_optional("ml", panel_query, drawable(fleet.wanted, fleet.prometheus).absent) is not asked


def test_dashboards_of_one_host_are_opened_with_one_whose_gpus_measure_most(fleet):
    with_collector(fleet)
    measures_less(fleet, "gpu1", **VGPU)
    assert drawable(fleet.wanted, fleet.prometheus) == (["gpu2"], [])
    measures_less(fleet, "gpu2", **UNIFIED)
    assert drawable(fleet.wanted, fleet.prometheus).hosts == ["gpu1", "gpu2"]


def test_a_cadvisor_that_stopped_behind_its_proxy_is_named(fleet):
    fleet.down("gpu2", "cadvisor", error="server returned HTTP status 502 Bad Gateway")
    assert fleet.messages == [
        "cAdvisor of gpu2 does not answer its TLS proxy (502 Bad Gateway): it is stopped or hangs."
        " See the logs of its container there."
    ]


def test_mig_instances_count_by_themselves(fleet):
    gpu = fleet.gpus["gpu2"]["gpus"][0]
    gpu.update(mig_mode="Enabled", mig_devices=[{"uuid": f"MIG-{number}", "profile": "1g.10gb"} for number in range(7)])
    fleet.prometheus["gpus"]["gpu2"] = {"GPU-b0": [str(number) for number in range(7)]}
    assert fleet.messages == []
    assert "1/1, MIG 7/7" in table.lines(fleet.verdict().rows, [])[2]
    fleet.prometheus["gpus"]["gpu2"]["GPU-b0"].pop()
    assert fleet.messages == ["GPU-b0 of gpu2 has 7 MIG instances and Prometheus sees 6."]


def test_mig_devices_that_share_a_gpu_instance_are_measured_as_one(fleet):
    profiles = ["1c.3g.40gb", "1c.3g.40gb", "3g.40gb"]
    devices = [{"uuid": f"MIG-{number}", "profile": profile} for number, profile in enumerate(profiles)]
    fleet.gpus["gpu2"]["gpus"][0].update(mig_mode="Enabled", mig_devices=devices)
    fleet.prometheus["gpus"]["gpu2"] = {"GPU-b0": ["1", "2"]}
    assert fleet.messages == []


def test_a_gpu_in_mig_mode_without_instances_is_not_missed(fleet):
    fleet.gpus["gpu2"]["gpus"][0].update(mig_mode="Enabled")
    fleet.prometheus["gpus"]["gpu2"] = {}
    assert fleet.messages == []


def test_gpus_without_the_key_of_mig_instances(fleet):
    for info in fleet.gpus.values():
        for gpu in info["gpus"]:
            del gpu["mig_devices"]
    assert fleet.messages == []


def test_a_host_without_a_gpu_needs_no_gpu_exporter(fleet):
    fleet.gpus["gpu2"] = {"present": False, "hardware": False, "gpus": [], "msg": "This host has no NVIDIA GPU."}
    fleet.prometheus["targets"].remove(fleet.target("nvidia-gpu", "gpu2"))
    fleet.prometheus["gpus"].pop("gpu2")
    assert fleet.messages == []
    assert "nvidia-gpu" not in fleet.verdict().rows[1]["jobs"]


def test_a_driver_that_shows_no_gpu(fleet):
    fleet.gpus["gpu2"].update(present=False, gpus=[], msg="The host has NVIDIA hardware but its driver shows no GPU.")
    fleet.down("gpu2", "nvidia-gpu")
    assert fleet.messages == [
        "The DCGM exporter of gpu2 does not run, since the driver shows no GPU:"
        " The host has NVIDIA hardware but its driver shows no GPU."
    ]


def test_cadvisor_without_labels(fleet):
    fleet.prometheus["containers"].pop("gpu2")
    fleet.prometheus["container_series"]["gpu2"] = 1
    assert fleet.messages == [
        "The containers of gpu2 have no name: cAdvisor cannot reach the socket of Docker or containerd."
    ]
    assert fleet.verdict().rows[1]["containers_seen"] == 0


def test_no_labels_anywhere_empties_panels_which_is_not_reported_again(fleet):
    fleet.prometheus["containers"] = {}
    fleet.grafana["dashboards"]["ml"]["faults"] = [("Docker Container Memory Usage (MB)", "")]
    assert len(fleet.messages) == 2


def test_cadvisor_without_a_word(fleet):
    fleet.prometheus["containers"].pop("gpu2")
    fleet.prometheus["container_series"].pop("gpu2")
    assert fleet.messages == [
        "cAdvisor of gpu2 says nothing of 3 running containers, though Prometheus scrapes it."
        " It may not reach the socket of Docker or containerd: see the logs of its container there."
    ]


def test_a_container_that_is_not_seen(fleet):
    for key in ("containers", "containers_lately"):
        fleet.prometheus[key]["gpu1"].remove("training")
    assert fleet.messages == ["gpu1 runs 3 containers and Prometheus does not see 1: training."]


@pytest.mark.parametrize(("age", "missed"), [(0, False), (15, False), (16, True)])
def test_a_container_that_has_just_been_started_is_not_missed(fleet, age, missed):
    for key in ("containers", "containers_lately"):
        fleet.prometheus[key]["gpu1"].remove("training")
    next(container for container in fleet.engines["gpu1"]["engine"]["containers"] if container["name"] == "training")[
        "age"
    ] = age
    assert bool(fleet.messages) is missed


def test_a_cadvisor_that_has_just_been_started_has_names_soon(fleet):
    fleet.prometheus["containers"].pop("gpu2")
    fleet.engines["gpu2"]["engine"]["containers"] = [{"name": "cadvisor", "age": 2}]
    assert fleet.messages == []


def test_a_container_that_ended_since_is_not_missed(fleet):
    fleet.prometheus["containers"]["gpu1"].remove("training")
    assert fleet.messages == []


def test_an_engine_that_does_not_answer(fleet):
    fleet.engines["gpu2"] = {
        "engine": {"reachable": False, "error": "unix:///var/run/docker.sock: Connection refused", "containers": []}
    }
    assert fleet.messages == [
        "The Docker engine of gpu2 does not list its containers: unix:///var/run/docker.sock: Connection refused."
    ]


def unreachable(fleet: Fleet) -> None:
    failure = {
        "unreachable": True,
        "msg": "Task failed: Failed to connect to the host via ssh:\r\nConnection timed out",
    }
    fleet.gpus["gpu2"], fleet.engines["gpu2"] = failure, failure


def test_an_unreachable_host(fleet):
    unreachable(fleet)
    fleet.down("gpu2", *JOBS, error="context deadline exceeded")
    assert fleet.messages == [
        "gpu2 cannot be reached by Ansible, and Prometheus gets nothing from it either:"
        " Failed to connect to the host via ssh: Connection timed out."
    ]
    assert table.lines(fleet.verdict().rows, list(JOBS))[2].split() == [
        "gpu2",
        "down",
        "down",
        "down",
        "-",
        "0/-",
        "0/-",
        "-",
    ]


def test_a_host_that_ansible_alone_cannot_reach(fleet):
    unreachable(fleet)
    [message] = fleet.messages
    assert message.startswith(
        "gpu2 cannot be reached by Ansible, so what it has could not be compared with what Prometheus sees: "
    )


def test_a_host_that_could_not_be_asked(fleet):
    fleet.gpus["gpu2"] = {"failed": True, "msg": "No python interpreters found."}
    fleet.engines["gpu2"] = {}
    assert fleet.messages == ["gpu2 could not be inspected: No python interpreters found."]


@pytest.mark.parametrize(("skew", "words"), [(-120.0, "120 s behind that"), (120.0, "120 s ahead of that")])
def test_a_clock_off_by_two_minutes(fleet, skew, words):
    fleet.prometheus["clock_skew"]["gpu2"] = skew
    fleet.prometheus["container_age"].pop("gpu2")
    assert fleet.messages == [f"The clock of gpu2 is {words} of the monitoring host. Set both by NTP."]


def test_a_clock_that_was_set_back_hides_the_containers_which_is_not_reported(fleet):
    fleet.prometheus["clock_skew"]["gpu2"] = -120.0
    for key in ("containers", "container_series", "container_age"):
        fleet.prometheus[key].pop("gpu2")
    assert len(fleet.messages) == 1


def test_without_the_node_exporter_clocks_are_not_checked_which_is_said(fleet):
    del fleet.jobs["node"]
    fleet.prometheus["clock_skew"] = {}
    verdict = fleet.verdict()
    assert verdict.problems == []
    assert verdict.notes == [
        "The clocks of gpu1 and gpu2 were not checked, since Prometheus has no data of the job node for them."
    ]


def test_another_interval_in_the_running_configuration(fleet):
    fleet.prometheus["scrape_interval"] = 15.0
    for target in fleet.prometheus["targets"]:
        target["interval"] = 15.0
    assert fleet.messages == [
        "The running configuration of Prometheus scrapes every 15 s, and gpu_monitoring_scrape_interval is 5 s."
        " Run the playbook site."
    ]


def test_another_interval_of_one_job(fleet):
    for host in UUIDS:
        fleet.target("cadvisor", host)["interval"] = 30.0
    assert fleet.messages == [
        "Prometheus scrapes the job cadvisor every 30 s, and gpu_monitoring_scrape_interval is 5 s."
        " Run the playbook site."
    ]


@pytest.mark.parametrize("oldest", [NOW - 30, None])
def test_an_emptied_volume(fleet, oldest):
    fleet.prometheus["database"]["oldest"] = oldest
    [message] = fleet.messages
    assert message.startswith("Prometheus lost its data: it should have data since 2026-11-13 ")
    assert message.endswith(
        f"Its volume was emptied or replaced. If that is accepted, remove {MARK} and run the playbook site."
    )


def test_what_retention_drops_is_not_lost(fleet):
    fleet.data_since = NOW - 100 * DAY
    fleet.prometheus["database"]["oldest"] = NOW - 15 * DAY - 3600
    assert fleet.messages == []
    fleet.prometheus["database"]["oldest"] = NOW - 10 * DAY
    assert len(fleet.messages) == 1


def test_what_a_shorter_retention_dropped_before_the_mark_was_begun_again_is_not_lost(fleet):
    fleet.data_since = NOW - DAY
    fleet.prometheus["database"].update(oldest=NOW - 16 * DAY, retention=90.0 * DAY)
    assert fleet.messages == []
    fleet.prometheus["database"]["oldest"] = NOW - 3600
    assert len(fleet.messages) == 1


def test_without_a_retention_by_time_all_is_kept(fleet):
    fleet.prometheus["database"].update(retention=0.0, oldest=NOW - 3600)
    assert len(fleet.messages) == 1


@pytest.mark.parametrize(("size", "problems", "notes"), [(0.0, 1, 0), (0.9e9, 1, 0), (1.1e9, 0, 1)])
def test_a_size_limit_drops_data_only_once_it_was_reached(fleet, size, problems, notes):
    fleet.prometheus["database"].update(size_limit=10e9, size=size, oldest=NOW - 3600)
    verdict = fleet.verdict()
    assert (len(verdict.problems), len(verdict.notes)) == (problems, notes)


def test_a_fresh_deployment_has_lost_nothing(fleet):
    fleet.data_since = NOW - 3
    fleet.prometheus["database"]["oldest"] = None
    assert fleet.messages == []


def test_without_the_mark_nothing_can_be_said_of_the_data_which_is_said(fleet):
    fleet.data_since = None
    fleet.prometheus["database"]["oldest"] = NOW - 30
    verdict = fleet.verdict()
    assert verdict.problems == []
    assert verdict.notes == [
        "Whether Prometheus lost data was not checked, since the beginning of its data is not known."
        " Run the playbook site."
    ]


def test_a_deleted_dashboard(fleet):
    fleet.grafana["dashboards"]["ml"] = None
    assert fleet.messages == ["The dashboard ml is not in Grafana. Run the playbook site."]


def test_empty_panels_of_a_dashboard_are_one_fault(fleet):
    fleet.grafana["dashboards"]["ml"]["faults"] = [("A", ""), ("B", ""), ("B", ""), ("C", "")]
    assert fleet.messages == ["The dashboard ML system monitoring shows no data in A, B and C."]


def test_a_panel_that_cannot_be_drawn(fleet):
    fleet.grafana["dashboards"]["ml"]["faults"] = [("A", "its datasource old is not in Grafana")]
    assert fleet.messages == ["The dashboard ML system monitoring cannot draw A: its datasource old is not in Grafana."]


def test_panels_that_need_other_datasources_are_a_note(fleet):
    fleet.grafana["dashboards"]["ml"]["unchecked"] = ["Logs", "Traces", "Logs"]
    reason = "since they need other datasources than Prometheus"
    assert fleet.messages == []
    assert fleet.verdict().notes == [
        f"Panels of the dashboard ML system monitoring were not checked, {reason}: Logs and Traces."
    ]


def test_a_grafana_that_does_not_answer(fleet):
    fleet.grafana = {"error": "url: no Grafana answers", "dashboards": {}}
    assert fleet.messages == ["Grafana cannot be asked: url: no Grafana answers"]


def test_a_prometheus_that_does_not_answer(fleet):
    fleet.prometheus, fleet.grafana = {"error": "url: no Prometheus answers at http://10.0.0.3:9090."}, {}
    assert fleet.messages == ["Prometheus cannot be asked: url: no Prometheus answers at http://10.0.0.3:9090."]
    assert table.lines(fleet.verdict().rows, [])[1].split() == ["gpu1", "-", "-/2", "-/3", "-"]


def test_two_faults_are_two_sentences(fleet):
    fleet.down("gpu1", "cadvisor")
    del fleet.prometheus["gpus"]["gpu1"]["GPU-a0"]
    assert [(problem.check, problem.host) for problem in fleet.verdict().problems] == [
        ("targets", "gpu1"),
        ("gpus", "gpu1"),
    ]


LATE_ADDRESS = (
    "driver failed programming external connectivity: listen tcp4 192.0.2.1:9400: bind: cannot assign requested address"
)


def stop(fleet: Fleet, host: str, service: str, error: str = "", container: str = "") -> None:
    """As host_info reports a service that does not run."""
    stopped = {"service": service, "container": container or service, "status": "exited", "error": error}
    fleet.engines.setdefault(host, {"engine": {"reachable": True, "containers": []}})["engine"]["stopped_services"] = [
        stopped
    ]


def test_an_exporter_whose_start_failed_at_boot_is_reported_with_the_reason(fleet):
    fleet.down("gpu1", "nvidia-gpu")
    stop(fleet, "gpu1", "dcgm-exporter", LATE_ADDRESS, "site-dcgm-exporter")
    assert fleet.messages == [
        "The DCGM exporter of gpu1 does not run: its container site-dcgm-exporter is exited, and its start failed:"
        f" {LATE_ADDRESS}. Run the playbook site."
    ]


def test_an_exporter_that_was_stopped(fleet):
    fleet.down("m1", "node")
    stop(fleet, "m1", "node-exporter")
    assert (
        "The node exporter of m1 does not run: its container node-exporter is exited. Run the playbook site."
        in fleet.messages
    )


def test_the_proxy_of_cadvisor_is_part_of_its_target(fleet):
    fleet.down("gpu2", "cadvisor")
    stop(fleet, "gpu2", "cadvisor-proxy")
    assert fleet.messages == [
        "cAdvisor of gpu2 does not run: its container cadvisor-proxy is exited. Run the playbook site."
    ]


def test_a_stopped_prometheus_is_reported_with_the_reason(fleet):
    fleet.prometheus = {"error": "connection refused."}
    stop(fleet, "m1", "prometheus", LATE_ADDRESS)
    assert fleet.messages == [
        "Prometheus cannot be asked: connection refused. Prometheus does not run on m1:"
        f" its container prometheus is exited, and its start failed: {LATE_ADDRESS}. Run the playbook site."
    ]


def test_only_the_services_of_the_monitoring_host_itself_are_a_reason(fleet):
    """The monitoring host of a shard does not scrape itself."""
    for host in ("m1", "m2"):
        stop(fleet, host, "prometheus")
    wanted = fleet.wanted._replace(hosts=["gpu1", "m1"], monitoring_host="m2")
    [told] = [problem.message for problem in decide(wanted, {"error": "connection refused."}, {}).problems]
    assert told == (
        "Prometheus cannot be asked: connection refused. Prometheus does not run on m2: its container prometheus is"
        " exited. Run the playbook site."
    )
    assert "does not run on m1: its container" in not_running(wanted, "prometheus", "m1")
    assert not_running(wanted, "alertmanager") == ""


def test_a_stopped_grafana_is_reported_with_the_reason(fleet):
    fleet.grafana = {"error": "connection refused.", "dashboards": {}}
    stop(fleet, "m1", "grafana")
    assert fleet.messages == [
        "Grafana cannot be asked: connection refused. Grafana does not run on m1: its container grafana is exited."
        " Run the playbook site."
    ]


def test_samples_of_a_time_when_a_clock_was_ahead(fleet):
    fleet.prometheus["database"]["newest"] = NOW + DAY
    (message,) = fleet.messages
    assert (
        message.startswith("Prometheus has samples of ")
        and "a clock was ahead. It drops newer samples of the same series until then." in message
    )


@pytest.mark.parametrize(("newest", "skew"), [(NOW + 4, 0.0), (NOW + 63, 60.0), (None, 0.0)])
def test_samples_that_no_clock_explains_are_reported_alone(fleet, newest, skew):
    fleet.prometheus["database"]["newest"] = newest
    fleet.prometheus["clock_skew"]["gpu1"] = skew
    assert not [message for message in fleet.messages if "samples of" in message]


def test_services_of_a_group_that_the_host_has_left_are_a_problem(fleet):
    containers = [{"name": name, "service": name, "age": 0} for name in ("grafana", "cadvisor")]
    engines = {"gpu1": {"engine": {"reachable": True, "containers": containers}}}
    wanted = fleet.wanted._replace(engines=engines, groups={"gpu_hosts": ["gpu1", "gpu2"], "monitoring": ["m1"]})
    messages = [
        problem.message
        for problem in decide(wanted, fleet.prometheus, fleet.grafana).problems
        if problem.check == "left"
    ]
    assert len(messages) == 1
    assert messages[0].startswith("gpu1: Containers of an earlier deployment still run: grafana. ")


def test_targets_of_a_host_that_the_inventory_does_not_have_are_a_problem(fleet):
    fleet.prometheus["targets"].append({**fleet.target("cadvisor", "gpu1"), "host": "gpu7"})
    assert [problem.message for problem in fleet.verdict().problems] == [
        "Prometheus has targets on gpu7, which the inventory does not have. Run the playbook site."
    ]


def test_targets_of_a_host_that_moved_to_another_monitoring_host(fleet):
    """Series that Prometheus still has of the host raise nothing."""
    wanted = fleet.wanted._replace(hosts_elsewhere=["gpu7", "gpu8"])
    fleet.prometheus["gpus"]["gpu7"] = {"GPU-c0": []}
    fleet.prometheus["containers"]["gpu7"] = ["training"]
    assert decide(wanted, fleet.prometheus, fleet.grafana).problems == []
    fleet.prometheus["targets"] += [{**fleet.target("node", "gpu1"), "host": host} for host in ("gpu7", "gpu9")]
    assert [problem.message for problem in decide(wanted, fleet.prometheus, fleet.grafana).problems] == [
        "Prometheus has targets on gpu9, which the inventory does not have. Run the playbook site.",
        "Prometheus has targets on gpu7, which another monitoring host should scrape. Run the playbook site without"
        " --limit.",
    ]


def test_of_an_agent_the_targets_and_dashboards_are_compared_and_a_note_says_what_is_not(fleet):
    agent = {"targets": fleet.prometheus["targets"], "scrape_interval": 5.0}
    fleet.grafana["dashboards"]["ml"]["faults"] = [("GPU utilization", ""), ("GPU memory", "no such datasource")]
    fleet.down("gpu1", "cadvisor")
    verdict = decide(fleet.wanted, agent, fleet.grafana)
    assert [problem.message for problem in verdict.problems] == [
        "cAdvisor of gpu1 does not answer Prometheus: connect: connection refused.",
        "The dashboard ML system monitoring cannot draw GPU memory: no such datasource.",
    ]
    assert verdict.notes[0].startswith("Prometheus runs as an agent, which answers no queries. So GPUs, containers,")
    assert {row["host"] for row in verdict.rows} == {"gpu1", "gpu2", "m1"}


def test_a_target_that_the_sites_own_discovery_found_need_not_be_in_the_inventory(fleet):
    fleet.prometheus["targets"].append({**fleet.target("cadvisor", "gpu1"), "host": "gpu7", "of_role": False})
    assert not fleet.verdict().problems
