"""What the collector writes."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from container_gpu_collector import cgroups, exposition, families
from container_gpu_collector.allocation import Given
from container_gpu_collector.collector import Collector
from container_gpu_collector.inventory import Device
from container_gpu_collector.options import parse
from container_gpu_collector.usage import Use

from tests.unit.roles.collector.recorded import ENGINES, GPUS, container

ID, OUTER = "a" * 64, "b" * 64


LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def samples(text):
    """Labels and value by name of the metric. Empty labels are left out."""
    by_name: dict = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _brace, _labels = line.partition("{")
            name, value = name.split()[0], line.rpartition(" ")[2]
            labels = {
                label: re.sub(r"\\(.)", lambda match: {"n": "\n"}.get(match[1], match[1]), given)
                for label, given in LABEL.findall(line)
            }
            by_name.setdefault(name, []).append(
                ({label: given for label, given in labels.items() if given}, float(value))
            )
    return by_name


@pytest.mark.parametrize(
    ("parent", "driver", "path"),
    [
        ("", "cgroupfs", f"/docker/{ID}"),
        ("", "systemd", f"/system.slice/docker-{ID}.scope"),
        ("/jobs", "cgroupfs", f"/jobs/{ID}"),
        ("/jobs//vision/", "cgroupfs", f"/jobs/vision/{ID}"),
        ("/", "cgroupfs", f"/{ID}"),
        ("jobs-vision.slice", "systemd", f"/jobs.slice/jobs-vision.slice/docker-{ID}.scope"),
        ("-.slice", "systemd", f"/docker-{ID}.scope"),
    ],
)
def test_the_control_group_of_a_container(parent, driver, path):
    assert cgroups.path(ID, parent, driver) == path


@pytest.mark.parametrize(
    "text",
    [
        f"12:devices:/docker/{ID}\n11:memory:/docker/{ID}\n0::/system.slice/containerd.service\n",
        f"1:name=systemd:/system.slice/docker-{ID}.scope\n",
        f"0::/system.slice/docker-{ID}.scope\n",
        f"0::/docker/{ID}\n",
        f"0::/../docker-{ID}.scope\n",
        f"0::/system.slice/docker-{ID}.scope/init.scope/user.slice\n",
        f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ID}.scope\n",
        f"0::/docker/{ID}/docker/{OUTER}\n",
        f"0::/docker/{OUTER}/docker/{ID}\n",
        f"4:cpu:/jobs/vision/{ID}\n",
    ],
)
def test_the_container_of_a_process(text):
    assert cgroups.container_of(text, {ID}) == ID


@pytest.mark.parametrize(
    "text", ["0::/user.slice/user-1000.slice/session-3.scope\n", f"0::/docker/{OUTER}\n", f"0::/{ID}{ID}\n", ""]
)
def test_a_process_of_no_container_that_the_engine_knows(text):
    assert cgroups.container_of(text, {ID}) is None


def test_a_container_in_a_container_counts_as_the_outer_one():
    assert cgroups.container_of(f"0::/docker/{OUTER}/docker/{ID}", {ID, OUTER}) == OUTER


def test_odd_values_of_labels_are_read_as_they_are():
    odd = 'a"b\\c\nd é \ud800'
    labels = {"name": odd, "UUID": "GPU-1"}
    text = exposition.render([exposition.Family("container_gpu_info", "Help.", [(labels, 1)])])
    assert samples(text.replace("\ud800", "?"))["container_gpu_info"] == [
        ({**labels, "name": odd.replace("\ud800", "?")}, 1)
    ]


def test_labels_are_spelt_as_cadvisor_and_dcgm_spell_them():
    entry = replace(
        container("28.5", "cdi-0"),
        name="job.1_x-y",
        labels=(("com.example/team", "vision"), ("com.example-team", "other"), ("job", "7")),
    )
    text = exposition.render([families.allocation([Given(entry, Device(GPUS["28.5"][0], 3), "cdi")], "systemd")])
    assert samples(text)["container_gpu_info"] == [
        (
            {
                "name": "job.1_x-y",
                "image": entry.image,
                "id": f"/system.slice/docker-{entry.id}.scope",
                "gpu": "0",
                "UUID": GPUS["28.5"][0].uuid,
                "GPU_I_ID": "3",
                "via": "cdi",
                "container_label_com_example_team": "vision",
                "container_label_job": "7",
            },
            1,
        )
    ]


def test_containers_of_the_collection_are_marked_and_others_are_not():
    given = [
        Given(container("28.5", started), Device(GPUS["28.5"][0]), "cdi") for started in ("dcgm-exporter", "cdi-0")
    ]
    uses = [Use(entry.container, entry.device, 0, 0, 0.0) for entry in given] + [Use(None, given[0].device, 1, 1, 0.0)]
    marks = [labels.get("monitoring") for labels, _value in families.allocation(given, "systemd").samples]
    assert marks == ["true", None]
    for family in families.use(uses, "systemd"):
        assert [labels.get("monitoring") for labels, _value in family.samples] == ["true", None, None]


@pytest.fixture
def collector(tmp_path):
    """A collector on a host with one container and one GPU."""
    files = ENGINES["28.5"]["cdi-0"]
    folder = tmp_path / "containers" / files["config.v2.json"]["ID"]
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    gpu = tmp_path / "driver" / "nvidia" / "gpus" / "0000:01:00.0"
    gpu.mkdir(parents=True)
    (gpu / "information").write_text(f"GPU UUID: \t {GPUS['28.5'][0].uuid}\nDevice Minor: \t 0\n")
    (tmp_path / "textfile").mkdir()
    paths = [
        f"--containers={tmp_path}/containers",
        f"--driver={tmp_path}/driver",
        f"--textfile={tmp_path}/textfile/container_gpu.prom",
    ]
    return Collector(parse([*paths, "--cgroup-driver=cgroupfs", "--label=lab.version"]))


def test_a_round_writes_whole_files_that_everybody_can_read(collector, tmp_path):
    collector.collect(1000.4)
    [file] = (tmp_path / "textfile").iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == ("container_gpu.prom", 0o644)
    written = samples(file.read_text())
    assert [labels["name"] for labels, _value in written["container_gpu_info"]] == ["t-cdi-0"]
    assert written["container_gpu_info"][0][0]["container_label_lab_version"]
    assert written["container_gpu_collector_last_success_timestamp_seconds"] == [({}, 1000)]
    assert {value for _labels, value in written["container_gpu_collector_errors"]} == {0}


def test_an_unchanged_file_is_written_now_and_then(collector, tmp_path):
    file = tmp_path / "textfile" / "container_gpu.prom"
    stamps = []
    for now in (1000, 1002, 1008, 1010, 1012):
        collector.collect(now)
        stamps.append(samples(file.read_text())["container_gpu_collector_last_success_timestamp_seconds"][0][1])
    assert stamps == [1000, 1000, 1000, 1010, 1010]


def test_a_clock_that_jumps_back_stops_nothing(collector, tmp_path):
    for now in (1000, 400):
        collector.collect(now)
    text = (tmp_path / "textfile" / "container_gpu.prom").read_text()
    assert samples(text)["container_gpu_collector_last_success_timestamp_seconds"] == [({}, 400)]


def test_an_instance_whose_name_only_nvml_knows(collector, tmp_path):
    [config] = (tmp_path / "containers").glob("*/hostconfig.json")
    request = {"Driver": "nvidia", "DeviceIDs": ["MIG-1"], "Capabilities": [["gpu"]]}
    config.write_text(json.dumps({**json.loads(config.read_text()), "DeviceRequests": [request]}))
    (tmp_path / "driver" / "nvidia" / "capabilities" / "gpu0" / "mig" / "gi7").mkdir(parents=True)
    file = tmp_path / "textfile" / "container_gpu.prom"
    collector.collect(1000)
    assert 'container_gpu_collector_errors{kind="device"} 1' in file.read_text()
    collector._measure.instance_names = {"MIG-1": (0, 7)}
    collector.collect(1002)
    assert [labels["GPU_I_ID"] for labels, _value in samples(file.read_text())["container_gpu_info"]] == ["7"]
    assert 'container_gpu_collector_errors{kind="device"} 0' in file.read_text()


def test_what_a_container_asked_for_is_in_no_log(collector, tmp_path, capsys):
    files = json.loads(json.dumps(ENGINES["28.5"]["cdi-0"]))
    files["config.v2.json"] |= {"ID": ID, "Name": "/secretive"}
    files["hostconfig.json"]["DeviceRequests"] = [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=hunter2"]}]
    (tmp_path / "containers" / ID).mkdir()
    for name, content in files.items():
        (tmp_path / "containers" / ID / name).write_text(json.dumps(content))
    collector.collect(1000)
    text = (tmp_path / "textfile" / "container_gpu.prom").read_text()
    assert 'container_gpu_collector_errors{kind="device"} 1' in text and "hunter2" not in text
    assert capsys.readouterr().err == "The container secretive asked for a GPU or MIG instance that is not known.\n"


def test_what_is_wrong_is_counted_and_reported_once(collector, tmp_path, capsys):
    broken = tmp_path / "containers" / ID
    broken.mkdir()
    for name in ("config.v2.json", "hostconfig.json"):
        (broken / name).write_text('{"Config": {"Env": ["TOKEN=hunter2"]}')
    for now in (1000, 1002):
        collector.collect(now)
    text = (tmp_path / "textfile" / "container_gpu.prom").read_text()
    assert 'container_gpu_collector_errors{kind="container"} 1' in text and 'name="t-cdi-0"' in text
    assert capsys.readouterr().err == f"The files of the container {ID} cannot be read.\n"


def test_a_collector_that_ends_leaves_only_the_time_of_its_last_success(collector, tmp_path):
    """By which ContainerGpuCollectorDown fires, whoever stopped the collector."""
    collector.collect(1000)
    collector.collect(1004)
    collector.stop()
    [file] = (tmp_path / "textfile").iterdir()
    assert samples(file.read_text()) == {"container_gpu_collector_last_success_timestamp_seconds": [({}, 1000)]}


def test_use_goes_with_its_container_and_not_with_the_next_question_to_nvml(collector, tmp_path, monkeypatch):
    measuring = Collector(replace(collector.options, labels=[], usage_interval=60))
    [running] = measuring._files.running()
    owners = (running, replace(running, started="before"), None)
    uses = [Use(owner, Device(GPUS["28.5"][0]), 1, 100, 0.5) for owner in owners]
    monkeypatch.setattr(measuring._measure, "update", lambda *_answers: uses)
    measuring.collect(1000)

    def names():
        text = (tmp_path / "textfile" / "container_gpu.prom").read_text()
        return [labels.get("name", "") for labels, _value in samples(text)["container_gpu_memory_used_bytes"]]

    assert names() == ["t-cdi-0", ""]
    config = next((tmp_path / "containers").glob("*/config.v2.json"))
    config.write_text(config.read_text().replace('"Running": true', '"Running": false'))
    measuring.collect(1002)
    assert names() == [""]
