"""What hosts have against what a real Prometheus sees of them: each fault gets its own sentence."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mlops.gpu_monitoring.plugins.modules import monitoring_verify, prometheus_query_info

from tests import examples
from tests.contract.proxy import Wire
from tests.engine.fleet import CONTAINERS, GPUS, PASSWORD, Grafana, Host, Prometheus, wait_until
from tests.engine.image import PREFIX

ROOT = Path(__file__).resolve().parents[2]
DAY = 86400
PANELS = {
    "Memory": 'sum(container_memory_usage_bytes{image!="",host=~"$host"}) by (name)',
    "CPU": 'rate(container_cpu_usage_seconds_total{image!="",host=~"${host:regex}"}[$__rate_interval])',
    "Utilization": "avg_over_time(DCGM_FI_DEV_GPU_UTIL[$__range])",
}
ONE_HOST = {
    "Utilization": 'DCGM_FI_DEV_GPU_UTIL{host="$host"}',
    "Memory": 'container_memory_usage_bytes{image!="",host="$host"}',
}
FROZEN_AFTER = 4
EACH = pytest.mark.parametrize("host", list(GPUS))
UNREACHABLE = {"unreachable": True, "msg": "Failed to connect to the host via ssh: Connection timed out"}


class Fleet:
    """Two hosts, Prometheus, Grafana, and the options of the module for them."""

    def __init__(self, folder, port):
        self.hosts = {name: Host(name) for name in GPUS}
        self.prometheus = Prometheus(folder, port)
        self.mark = folder / "data_since"
        self.grafana = Grafana(self.prometheus.url)

    @property
    def ports(self):
        return {
            job: {name: host.exporters[job].port for name, host in self.hosts.items()}
            for job in ("cadvisor", "nvidia-gpu", "node")
        }

    def sound(self):
        """Everything as it should be, and seen to be."""
        for host in self.hosts.values():
            host.reset()
        self.prometheus.configure(self.ports)
        self.prometheus.reload()
        self.grafana.save("ml", PANELS)
        self.grafana.save("gpus", {"NVLink": "rate(DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL[$__rate_interval])"})
        self.grafana.save("host", ONE_HOST, all_hosts=False)
        self.gpu_info = {
            name: {
                "present": True,
                "gpus": [{"uuid": uuid, "index": index, "mig_mode": "Disabled"} for index, uuid in enumerate(uuids)],
            }
            for name, uuids in GPUS.items()
        }
        running = [{"name": name, "age": 3600} for name in CONTAINERS]
        self.engine_info = {name: {"engine": {"reachable": True, "containers": running}} for name in GPUS}
        wait_until(lambda: not self.messages(), self.messages)

    def verify(self, **given):
        """The module's result."""
        arguments = {
            "prometheus_url": self.prometheus.url,
            "grafana_url": self.grafana.url,
            "grafana_username": "admin",
            "grafana_password": PASSWORD,
            "hosts": list(GPUS),
            "targets": {
                job: [{"targets": ["x"], "labels": {"host": name}} for name in ports]
                for job, ports in self.ports.items()
            },
            "host_info": {name: self.of_host(name) for name in GPUS},
            "scrape_interval": 1,
            "frozen_after": FROZEN_AFTER,
            "dashboards": [
                {"uid": "ml", "panels": []},
                {"uid": "host"},
                {"model": json.dumps({"uid": "gpus", "panels": []})},
                {"uid": "gone", "state": "absent"},
            ],
            "optional_panels": ["DCGM_FI_DEV_NVLINK"],
            "data_since_file": str(self.mark),
        }
        return run(monitoring_verify, {**arguments, **given})

    def of_host(self, name):
        """The answer of host_info for a host, or that it could not be reached."""
        engine = self.engine_info[name]
        return engine if engine is UNREACHABLE else {"gpu": self.gpu_info[name], **engine}

    def messages(self, **given):
        result = self.verify(**given)
        assert "problems" in result, result
        return [problem["message"] for problem in result["problems"]]

    def until(self, *starts, words=""):
        """Wait until there are these sentences and no other, with the words; they may end differently."""

        def told():
            messages = self.messages()
            as_expected = len(messages) == len(starts) and all(map(str.startswith, messages, starts))
            return (messages,) if as_expected and words in " ".join(messages) else None

        return wait_until(told, self.messages)[0]


def run(module, arguments):
    """The result of a module."""
    output = io.StringIO()
    with patch_module_args(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
        module.main()
    return json.loads(output.getvalue())


@pytest.fixture(scope="module")
def standing(tmp_path_factory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Fleet(tmp_path_factory.mktemp("prometheus"), port)
    try:
        made.prometheus.configure(made.ports)
        made.prometheus.backfill(time.time() - DAY)
        made.mark.touch()
        os.utime(made.mark, (time.time() - DAY,) * 2)
        made.prometheus.start()
        yield made
    finally:
        made.prometheus.remove()
        made.grafana.stop()
        for host in made.hosts.values():
            for exporter in host.exporters.values():
                exporter.stop()


@pytest.fixture
def fleet(standing):
    standing.sound()
    return standing


def test_a_sound_fleet(fleet):
    result = fleet.verify()
    assert (result["problems"], result["notes"], result["changed"]) == ([], [], False)
    assert result["dashboards"] == {"ml": 3, "host": 2, "gpus": 0}
    first, second = result["hosts"]
    assert first["jobs"] == {"cadvisor": "up", "nvidia-gpu": "up", "node": "up"}
    assert (first["gpus_seen"], first["gpus_there"], second["gpus_seen"], second["gpus_there"]) == (2, 2, 1, 1)
    assert (first["containers_seen"], first["containers_there"]) == (2, 2)
    assert 0 <= first["sample_age"] < FROZEN_AFTER
    assert abs(first["clock_skew"]) < 2
    assert PASSWORD not in json.dumps({key: value for key, value in result.items() if key != "invocation"})


@EACH
def test_an_exporter_that_stopped(fleet, host):
    fleet.hosts[host].exporters["nvidia-gpu"].stop()
    # The first scrape after the stop may meet the connection that Prometheus kept, which is reset.
    fleet.until(f"The DCGM exporter of {host} does not answer Prometheus: ", words="connection refused")


def test_exporters_that_stopped_so_that_no_host_is_whole(fleet):
    fleet.hosts["gpu1"].exporters["nvidia-gpu"].stop()
    fleet.hosts["gpu2"].exporters["cadvisor"].stop()
    fleet.until(
        "The DCGM exporter of gpu1 does not answer Prometheus: ", "cAdvisor of gpu2 does not answer Prometheus: "
    )


def test_a_host_that_was_removed_from_the_inventory(fleet):
    """Prometheus keeps what it measured."""
    ports = {job: {"gpu0": of_job["gpu1"], **of_job} for job, of_job in fleet.ports.items()}
    fleet.prometheus.configure(ports)
    fleet.prometheus.reload()
    wait_until(lambda: "gpu0" in fleet.prometheus.hosts(), "gpu0 is scraped")
    fleet.prometheus.configure(fleet.ports)
    fleet.prometheus.reload()
    wait_until(lambda: "gpu0" not in fleet.prometheus.hosts(), "gpu0 is no longer scraped")
    fleet.until()


def test_a_frozen_gpu_exporter(fleet):
    fleet.hosts["gpu1"].freeze("nvidia-gpu")
    fleet.until("The DCGM exporter of gpu1 is frozen: ")
    assert fleet.verify()["hosts"][0]["jobs"]["nvidia-gpu"] == "up"
    assert fleet.verify()["hosts"][0]["sample_age"] >= FROZEN_AFTER


def test_an_idle_vgpu_is_not_frozen(fleet, monkeypatch):
    """Of it DCGM reads memory and clocks alone, which stand still; some drivers report 0 W."""
    text = (
        'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-b0"} 0\nDCGM_FI_DEV_SM_CLOCK{gpu="0",UUID="GPU-b0"}'
        ' 1590\nDCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-b0"} 0\n'
    )
    monkeypatch.setattr(fleet.hosts["gpu2"].exporters["nvidia-gpu"], "text", lambda: text)
    note = (
        "Whether values of GPUs of gpu2 are frozen was not checked, since these GPUs measure no energy,"
        " power or temperature."
    )
    wait_until(lambda: fleet.verify()["notes"] == [note], lambda: fleet.verify()["notes"])
    fleet.until()


def test_a_lost_gpu_is_reported_by_its_pci_address_alone(fleet):
    fleet.gpu_info["gpu1"]["gpus"].pop()
    fleet.gpu_info["gpu1"]["lost_devices"] = ["0000:ba:00.0"]
    fleet.until("gpu1 has 2 NVIDIA PCI devices, 1 GPU answers: 0000:ba:00.0 does not. ")
    fleet.hosts["gpu1"].gpus.remove("GPU-a1")
    fleet.until("gpu1 has 2 NVIDIA PCI devices, 1 GPU answers: 0000:ba:00.0 does not. ")


def test_a_frozen_cadvisor(fleet):
    fleet.hosts["gpu1"].freeze("cadvisor")
    fleet.until("cAdvisor of gpu1 is frozen: ")


def test_one_gpu_missing(fleet):
    fleet.hosts["gpu1"].gpus.remove("GPU-a1")
    fleet.until("gpu1 has 2 GPUs and Prometheus sees 1: GPU-a1 (index 1) is missing.")


def test_mig_instances(fleet):
    fleet.hosts["gpu2"].mig = {"GPU-b0": 3}
    fleet.gpu_info["gpu2"]["gpus"][0].update(
        mig_mode="Enabled", mig_devices=[{"uuid": f"MIG-{number}"} for number in range(3)]
    )
    fleet.until()
    assert (fleet.verify()["hosts"][1]["mig_seen"], fleet.verify()["hosts"][1]["mig_there"]) == (3, 3)
    fleet.hosts["gpu2"].mig = {"GPU-b0": 2}
    fleet.until("GPU-b0 of gpu2 has 3 MIG instances and Prometheus sees 2.")


@EACH
def test_cadvisor_without_labels(fleet, host):
    fleet.hosts[host].labelled = False
    fleet.until(f"The containers of {host} have no name: cAdvisor cannot reach the socket of Docker or containerd.")


def test_where_all_gpus_are_in_mig_mode_their_utilization_may_be_missing(fleet, monkeypatch):
    for name, uuids in GPUS.items():
        fleet.hosts[name].mig = dict.fromkeys(uuids, 2)
        for gpu in fleet.gpu_info[name]["gpus"]:
            gpu.update(mig_mode="Enabled", mig_devices=[{"uuid": f"MIG-{number}"} for number in range(2)])
    fleet.grafana.save("ml", {"GPU Utilization": "DCGM_FI_DEV_GPU_UTIL", "Clock": "DCGM_FI_DEV_SM_CLOCK"})
    fleet.grafana.save("host", {"Clock": 'DCGM_FI_DEV_SM_CLOCK{host="$host"}'}, all_hosts=False)
    fleet.until()
    fleet.hosts["gpu2"].mig = {}
    monkeypatch.setattr(
        fleet.hosts["gpu2"].exporters["nvidia-gpu"],
        "text",
        lambda: 'DCGM_FI_DEV_SM_CLOCK{gpu="0",UUID="GPU-b0"} 1410\n',
    )
    wait_until(
        lambda: any("shows no data in GPU Utilization" in message for message in fleet.messages()), fleet.messages
    )


def test_a_fleet_without_a_gpu_and_without_node_exporters(fleet):
    fleet.gpu_info = {name: {"present": False, "hardware": False, "gpus": []} for name in GPUS}
    ports = {"cadvisor": fleet.ports["cadvisor"]}
    fleet.prometheus.configure(ports)
    fleet.prometheus.reload()
    fleet.grafana.save("ml", {**PANELS, "Load": "node_load1", "Disk": 'container_fs_reads_bytes_total{image!=""}'})
    targets = {
        job: [{"targets": ["x"], "labels": {"host": name}} for name in GPUS] for job in ("cadvisor", "nvidia-gpu")
    }
    wait_until(
        lambda: fleet.messages(targets=targets) == ["The dashboard Title of ml shows no data in Disk."],
        lambda: fleet.messages(targets=targets),
    )


def test_a_container_that_is_not_seen(fleet):
    fleet.engine_info["gpu1"]["engine"]["containers"].append({"name": "unseen", "age": 3600})
    fleet.until(
        "gpu1 runs 3 containers and Prometheus does not see 1: unseen.",
        "gpu2 runs 3 containers and Prometheus does not see 1: unseen.",
    )


def test_the_gpus_of_containers(fleet):
    """Each in turn: as the engine says, another, none, and a collector that hangs."""
    job = {
        "id": 64 * "a",
        "age": 3600,
        "runtime": "runc",
        "service": "",
        "asked_gpus": [{"via": "cdi", "names": ["0"]}],
    }
    collector = {**job, "id": 64 * "b", "service": "container-gpu-collector", "asked_gpus": []}
    containers = [{**job, "name": CONTAINERS[0]}, {**collector, "name": CONTAINERS[1]}]
    engine = {"reachable": True, "default_runtime": "runc", "nvidia_runtimes": [], "containers": containers}
    fleet.engine_info["gpu1"] = {"engine": engine}
    for gpu in fleet.gpu_info["gpu1"]["gpus"]:
        gpu["mig_devices"] = []
    host, uuid = fleet.hosts["gpu1"], GPUS["gpu1"][0]
    host.collected_at, host.gpus_of_containers = time.time(), {job["id"]: uuid}
    wait_until(lambda: not fleet.messages(), fleet.messages)
    given = f"Prometheus sees other GPUs of containers of gpu1 than the engine: {CONTAINERS[0]} was given {uuid}, and"
    host.gpus_of_containers = {job["id"]: "GPU-other"}
    fleet.until(f"{given} Prometheus sees GPU-other.")
    host.collected_at = time.time() - 90
    fleet.until("The container GPU collector of gpu1 has written no metrics for 9")
    host.collected_at = None
    fleet.until("Prometheus has no metrics of the container GPU collector of gpu1, which runs there.")


@EACH
def test_an_unreachable_host(fleet, host):
    for exporter in fleet.hosts[host].exporters.values():
        exporter.stop()
    fleet.gpu_info[host], fleet.engine_info[host] = UNREACHABLE, UNREACHABLE
    fleet.until(
        f"{host} cannot be reached by Ansible, and Prometheus gets nothing from it either:"
        " Failed to connect to the host via ssh"
    )


@EACH
def test_a_clock_two_minutes_behind(fleet, host):
    """Prometheus drops the samples of cAdvisor meanwhile, since they carry the host's time."""
    fleet.hosts[host].skew = -120
    fleet.until(f"The clock of {host} is 120 s behind that of the monitoring host. ")


def test_a_deleted_dashboard(fleet):
    fleet.grafana.api("DELETE", "/api/dashboards/uid/ml")
    fleet.until("The dashboard ml is not in Grafana. ")


def test_a_panel_without_data(fleet):
    fleet.grafana.save("ml", {**PANELS, "Old name": "DCGM_FI_DEV_OLD_NAME"})
    fleet.until("The dashboard Title of ml shows no data in Old name.")


def test_one_query_of_a_panel_with_data_is_enough(fleet):
    fleet.grafana.save(
        "ml",
        {
            **PANELS,
            "Some": ["DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_OLD_NAME"],
            "None": ["DCGM_FI_DEV_OLD_NAME", "DCGM_FI_DEV_OLDER"],
        },
    )
    fleet.until("The dashboard Title of ml shows no data in None.")
    assert fleet.verify()["dashboards"]["ml"] == 5


def test_a_panel_that_prometheus_refuses(fleet):
    fleet.grafana.save("ml", {**PANELS, "Broken": "sum(("})
    [message] = fleet.until("The dashboard Title of ml cannot draw Broken: ")
    assert "parse error" in message


def test_a_panel_that_needs_nvlink_may_be_empty_only_where_that_is_said(fleet):
    assert fleet.messages(optional_panels=[]) == ["The dashboard Title of gpus shows no data in NVLink."]
    assert fleet.messages(optional_panels=["^gpus/NVLink$"]) == []


def test_another_interval_in_the_running_configuration(fleet):
    fleet.prometheus.configure(fleet.ports, interval="3s")
    fleet.prometheus.reload()
    fleet.until("The running configuration of Prometheus scrapes every 3 s, and gpu_monitoring_scrape_interval is 1 s.")


def test_a_model_server_on_a_host_of_its_own(fleet):
    given = {job: [{"targets": ["x"], "labels": {"host": name}} for name in GPUS] for job in fleet.ports}
    targets = {**given, "model-server": [{"targets": ["x"], "labels": {"host": "served", "server": "llama"}}]}
    [message] = fleet.messages(targets=targets)
    assert message == (
        "Prometheus does not scrape llama of served for the job model-server, which the inventory asks for."
        " Run the playbook site."
    )
    assert [row["host"] for row in fleet.verify(targets=targets)["hosts"]] == ["gpu1", "gpu2", "served"]


@pytest.mark.parametrize("labels", [{}, {"labels": {"rack": "7"}}])
def test_a_target_group_without_a_host(fleet, labels):
    message = fleet.verify(targets={"nvidia-gpu": [{"targets": ["192.0.2.1:9400"], **labels}]})["msg"]
    assert message.startswith('targets: the group {"targets": ["192.0.2.1:9400"]')
    assert message.endswith(
        'of the job nvidia-gpu has no label host. Write it like {targets: ["192.0.2.1:9400"], labels: {host: gpu1}}.'
    )


def test_a_password_that_grafana_refuses_is_given_once(fleet, request):
    """Grafana locks an account after five."""
    wire = Wire(fleet.grafana.url)
    request.addfinalizer(wire.stop)
    result = fleet.verify(grafana_url=wire.listen(), grafana_password="wrong", wait=3)
    [problem] = result["problems"]
    assert (problem["check"], problem["message"].startswith("Grafana cannot be asked: ")) == ("grafana", True)
    assert wire.requests == [("GET", "/api/health"), ("GET", "/api/datasources")]


def test_a_fault_that_passes_within_the_wait_is_not_reported(fleet):
    exporter = fleet.hosts["gpu1"].exporters["node"]
    exporter.stop()
    fleet.until("The node exporter of gpu1 does not answer Prometheus: ")
    exporter.start()
    assert fleet.messages(wait=20) == []


@pytest.fixture
def playbook(fleet, tmp_path):
    """Runs the playbook verify with this machine as every host; returns the exit code, the output and the report.
    `group` are variables of the GPU hosts.
    """
    hosts = {name: {"ansible_host": f"198.51.100.{number}"} for number, name in enumerate(GPUS, 1)}
    connection = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "ansible_become": False}
    targets = {
        job: [{"targets": ["x"], "labels": {"host": name}} for name in ports] for job, ports in fleet.ports.items()
    }
    variables = {
        "gpu_monitoring_tls": False,
        "gpu_monitoring_scrape_interval": "1s",
        "gpu_monitoring_config_dir": str(tmp_path),
        "grafana_admin_password": PASSWORD,
        "grafana_dashboards": [{"uid": "ml"}],
        # tests/rules has the checks of alerts.
        "prometheus_alerts_enabled": False,
        "alertmanager_enabled": False,
        "verify_prometheus_url": fleet.prometheus.url,
        "verify_grafana_url": fleet.grafana.url,
        "verify_targets": targets,
        "verify_wait": "0s",
        "verify_report": str(tmp_path / "reports" / "verify.json"),
    }

    def call(*arguments, group=None):
        children = {
            "gpu_hosts": {"hosts": hosts, "vars": group or {}},
            "monitoring": {"hosts": {"m1": {"gpu_monitoring_address": "127.0.0.1"}}},
        }
        (tmp_path / "inventory.json").write_text(json.dumps({"all": {"vars": connection, "children": children}}))
        command = [
            "ansible-playbook",
            "-i",
            tmp_path / "inventory.json",
            "-e",
            json.dumps(variables),
            *arguments,
            ROOT / "playbooks" / "verify.yml",
        ]
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections"),
            "ANSIBLE_NOCOLOR": "1",
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        report = tmp_path / "reports" / "verify.json"
        assert report.exists(), done.stdout + done.stderr
        return done.returncode, done.stdout + done.stderr, json.loads(report.read_text())

    return call


def test_the_playbook_ends_well_and_writes_the_report(playbook):
    code, output, report = playbook("--limit=monitoring")
    assert code == 0, output
    assert "changed=0" in output
    assert "GPUs seen/there" in output
    assert "was not checked, since the beginning of its data is not known" in output
    assert [row["host"] for row in report["hosts"]] == ["gpu1", "gpu2", "m1"]
    assert (report["problems"], report["dashboards"]) == ([], {"ml": 3})
    assert PASSWORD not in output + json.dumps(report)


def test_the_playbook_fails_with_the_sentences(fleet, playbook):
    fleet.grafana.api("DELETE", "/api/dashboards/uid/ml")
    code, output, report = playbook("--limit=monitoring")
    assert code == 2
    assert "The dashboard ml is not in Grafana. Run the playbook site." in output
    assert [problem["check"] for problem in report["problems"]] == ["dashboards"]


def test_the_playbook_asks_the_hosts(playbook):
    """Their engine is this machine's, whose containers the exporters do not know."""
    code, output, report = playbook()
    assert code == 2
    assert f"{PREFIX}-prometheus" in output
    assert [(problem["check"], problem["host"]) for problem in report["problems"]][:1] == [("containers", "gpu1")]
    assert report["hosts"][0]["containers_there"] > 0


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"ansible_python_interpreter": "/usr/bin/no-such-python"}, "could not be inspected: "),
        (
            {"ansible_become": True, "ansible_become_user": "nobody", "ansible_become_exe": "/bin/false"},
            "could not be inspected: ",
        ),
        (
            {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1},
            "cannot be reached by Ansible, so what it has could not be compared ",
        ),
    ],
    ids=["python", "sudo", "ssh"],
)
def test_the_playbook_compares_though_no_host_can_be_asked(playbook, broken, words):
    code, output, report = playbook(group=broken)
    assert code == 2, output
    assert "GPUs seen/there" in output
    assert [problem["message"].startswith(f"{problem['host']} {words}") for problem in report["problems"]] == [
        True,
        True,
    ], report["problems"]


def test_queries_of_the_module_for_everybody(fleet):
    def ask(query, **given):
        return run(prometheus_query_info, {"url": fleet.prometheus.url, "query": query, **given})

    assert {
        entry["labels"]["host"] for entry in ask('up{job="node"}', until={"min_series": 2, "min_value": 1})["series"]
    } == {"gpu1", "gpu2"}
    assert [entry["value"] for entry in ask("vector(0) / 0")["series"]] == [None]
    assert ask("vector(1)", time="1000")["series"] == [{"labels": {}, "value": 1, "timestamp": 1000}]
    assert ask("1 + 1")["series"][0]["value"] == 2
    assert ask("rate(up[1m])")["infos"]
    assert "parse error" in ask("sum((")["msg"]
    assert "rate()" in ask("up[1m]")["msg"]
    assert '; up{host="gpu' in ask("up", until={"max_value": 0, "timeout": 1})["msg"]


def test_a_prometheus_with_an_empty_volume_and_a_missing_one(standing):
    standing.sound()
    standing.prometheus.remove()
    assert len(standing.messages()) == 1
    assert standing.messages()[0].startswith("Prometheus cannot be asked: url: no Prometheus answers at ")
    standing.prometheus.start()
    [message] = standing.until("Prometheus lost its data: it should have data since ")
    assert message.endswith(
        f"Its volume was emptied or replaced. If that is accepted, remove {standing.mark} and run the playbook site."
    )
    standing.mark.touch()


@pytest.mark.parametrize("module", examples.run_by(__file__))
def test_the_example_finds_no_problem_of_a_sound_host(fleet, module, tmp_path):
    """A test of alerts runs the other example, with an Alertmanager."""
    fleet.prometheus.configure({job: {"gpu1": ports["gpu1"]} for job, ports in fleet.ports.items()})
    fleet.prometheus.reload()
    wait_until(lambda: fleet.prometheus.hosts() == {"gpu1"}, "gpu2 is no longer scraped")
    servers = {"http://127.0.0.1:9090": fleet.prometheus.url, "http://127.0.0.1:3000": fleet.grafana.url}
    site = {"ml-system-monitoring": "ml", "scrape_interval: 5": "scrape_interval: 1"}
    example, _other = examples.of(module, {**servers, **site})
    variables = {
        "grafana_admin_password": PASSWORD,
        "groups": {"gpu_hosts": ["gpu1"]},
        "hostvars": {"gpu1": {"host_info": fleet.of_host("gpu1")}},
    }
    result = run(monitoring_verify, examples.rendered(example, variables, tmp_path))
    assert (result.get("problems"), list(result.get("dashboards", []))) == ([], ["ml"]), result


def test_a_clock_two_minutes_ahead(fleet):
    """The last test: Prometheus takes no samples of cAdvisor for two minutes after it."""
    fleet.hosts["gpu2"].skew = 120
    fleet.until("The clock of gpu2 is 120 s ahead of that of the monitoring host. ")
