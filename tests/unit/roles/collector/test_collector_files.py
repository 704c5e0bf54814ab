"""What the collector reads of a host: Docker's files, the tables of the kernel module and CDI specifications."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml
from container_gpu_collector import block_yaml, cdi, exposition, families, proc_driver
from container_gpu_collector.allocation import Allocations
from container_gpu_collector.container_files import ContainerFiles
from container_gpu_collector.inventory import Gpu, Inventory

from tests.unit.roles.collector.recorded import CAPABILITIES, ENGINES, GPUS, MIG_CDI, MIG_NAMES

SPECIFICATION = Path(__file__).parent / "cdi_specification.txt"


def put(folder, started, **state):
    """A recorded container in Docker's folder; `state` replaces keys of its state."""
    files = ENGINES["26.1"][started]
    config = {**files["config.v2.json"], "State": {**files["config.v2.json"]["State"], **state}}
    (folder / config["ID"]).mkdir(exist_ok=True)
    for name, content in (("config.v2.json", config), ("hostconfig.json", files["hostconfig.json"])):
        # Docker replaces its files.
        (folder / "new").write_text(json.dumps(content))
        (folder / "new").rename(folder / config["ID"] / name)
    return folder / config["ID"]


def names(files):
    return [container.name for container in files.running()]


def test_containers_come_and_go(tmp_path):
    files = ContainerFiles(str(tmp_path))
    put(tmp_path, "cdi-0")
    assert names(files) == ["t-cdi-0"]
    put(tmp_path, "rt-1")
    put(tmp_path, "cdi-0", Running=False, Pid=0)
    assert names(files) == ["t-rt-1"]
    put(tmp_path, "cdi-0", StartedAt="2026-12-01T00:00:00Z")
    assert names(files) == ["t-cdi-0", "t-rt-1"]
    folder = put(tmp_path, "rt-1")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert (names(files), files.unreadable) == (["t-cdi-0"], [])


def test_a_container_between_two_restarts_has_no_gpu(tmp_path):
    put(tmp_path, "cdi-0", Restarting=True, Pid=0)
    assert names(ContainerFiles(str(tmp_path))) == []


def test_the_engine_s_parent_of_control_groups_counts_where_a_container_names_none(tmp_path):
    put(tmp_path, "cdi-0")
    assert [entry.cgroup_parent for entry in ContainerFiles(str(tmp_path)).running()] == [""]
    assert [entry.cgroup_parent for entry in ContainerFiles(str(tmp_path), (), "jobs.slice").running()] == [
        "jobs.slice"
    ]
    own = json.loads((put(tmp_path, "cdi-0") / "hostconfig.json").read_text()) | {"CgroupParent": "own.slice"}
    (put(tmp_path, "cdi-0") / "hostconfig.json").write_text(json.dumps(own))
    assert [entry.cgroup_parent for entry in ContainerFiles(str(tmp_path), (), "jobs.slice").running()] == ["own.slice"]


def test_an_unchanged_file_is_not_read_again(tmp_path, monkeypatch):
    files = ContainerFiles(str(tmp_path))
    put(tmp_path, "cdi-0")
    files.running()
    monkeypatch.setattr("json.load", lambda _file: pytest.fail("a file was read again"))
    assert names(files) == ["t-cdi-0"]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"ID": "x"}', '{"State": null, "Config": {}, "ID": "x", "Name": "/x"}']
)
def test_a_broken_file_hides_no_other_container(tmp_path, content):
    put(tmp_path, "cdi-0")
    broken = put(tmp_path, "rt-1")
    (broken / "config.v2.json").write_text(content)
    files = ContainerFiles(str(tmp_path))
    assert (names(files), files.unreadable) == (["t-cdi-0"], [broken.name])
    put(tmp_path, "rt-1")
    assert (len(files.running()), files.unreadable) == (2, [])


@pytest.mark.parametrize(
    "host_config",
    [
        {"DeviceRequests": [{"Driver": "cdi", "DeviceIDs": [1, None]}]},
        {"DeviceRequests": [{"Driver": 1, "Capabilities": [[2]]}]},
        {"Devices": [{"PathOnHost": None}], "CgroupParent": 7, "Runtime": 5},
    ],
)
def test_values_of_another_type_hide_no_other_container(tmp_path, host_config):
    put(tmp_path, "cdi-0")
    (put(tmp_path, "rt-1") / "hostconfig.json").write_text(json.dumps(host_config))
    given = Allocations(["nvidia"]).update(ContainerFiles(str(tmp_path)).running(), Inventory(GPUS["26.1"]))
    assert [allocation.container.name for allocation in given] == ["t-cdi-0"]
    assert exposition.render([families.allocation(given, "systemd")])


def test_a_container_that_is_being_created_is_no_error(tmp_path):
    (tmp_path / "half").mkdir()
    (tmp_path / "a file").touch()
    files = ContainerFiles(str(tmp_path))
    assert (files.running(), files.unreadable) == ([], [])


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(OSError):
        ContainerFiles(str(tmp_path / "missing")).running()


def driver(folder, *gpus):
    """The tables of the kernel module; each GPU is its address and the lines of its file."""
    for address, information in gpus:
        (folder / "nvidia" / "gpus" / address).mkdir(parents=True)
        (folder / "nvidia" / "gpus" / address / "information").write_text(information)
    return str(folder)


def information(uuid, minor, more=""):
    lines = f"Model: \t\t NVIDIA A100\nIRQ:   \t\t 42\nGPU UUID: \t {uuid}\nBus Type: \t PCIe\n"
    return f"{lines}Bus Location: \t 0000:00:00.0\nDevice Minor: \t {minor}\n{more}"


def test_gpus_are_numbered_by_their_place_on_the_bus(tmp_path):
    folder = driver(
        tmp_path,
        ("0000:41:00.0", information("GPU-b", 0)),
        ("0000:07:00.0", information("GPU-a", 1)),
        ("0001:01:00.0", information("GPU-c", 2)),
    )
    assert proc_driver.gpus(folder) == (
        Gpu(0, "GPU-a", 1, "0000:07:00.0"),
        Gpu(1, "GPU-b", 0, "0000:41:00.0"),
        Gpu(2, "GPU-c", 2, "0001:01:00.0"),
    )


def test_a_gpu_that_the_module_excludes_has_no_number(tmp_path):
    excluded = information("GPU-a", 0, "GPU Excluded:\t Yes\n")
    folder = driver(
        tmp_path, ("0000:01:00.0", excluded), ("0000:02:00.0", information("GPU-b", 1, "GPU Excluded:\t No\n"))
    )
    assert proc_driver.gpus(folder) == (Gpu(0, "GPU-b", 1, "0000:02:00.0"),)


def test_a_gpu_that_nobody_has_opened_yet_has_no_uuid(tmp_path):
    folder = driver(tmp_path, ("0000:01:00.0", information("GPU-????????-????-????-????-????????????", 0)))
    assert proc_driver.gpus(folder) == (Gpu(0, "", 0, "0000:01:00.0"),)


def test_a_host_without_the_module(tmp_path):
    assert (
        proc_driver.gpus(str(tmp_path)),
        proc_driver.instances(str(tmp_path)),
        proc_driver.capabilities(str(tmp_path)),
    ) == ((), frozenset(), {})


def test_mig_instances_of_the_module(tmp_path):
    for instance in ("gpu1/mig/gi7/ci0", "gpu1/mig/gi8/ci0", "gpu0/mig"):
        (tmp_path / "nvidia" / "capabilities" / instance).mkdir(parents=True)
    (tmp_path / "nvidia-caps").mkdir()
    table = "config 1\nmonitor 2\ngpu1/gi7/access 201\ngpu1/gi7/ci0/access 202\n"
    table += "gpu1/gi8/access 210\ngpu1/gi8/ci0/access 211\n"
    (tmp_path / "nvidia-caps" / "mig-minors").write_text(table)
    assert proc_driver.instances(str(tmp_path)) == {(1, 7), (1, 8)}
    assert proc_driver.capabilities(str(tmp_path)) == CAPABILITIES


def test_a_specification_of_nvidia_ctk():
    nodes = cdi.parse(SPECIFICATION.read_text())
    assert {name: nodes[name] for name in MIG_CDI} == MIG_CDI
    assert set(nodes["all"]) >= {"/dev/nvidia0", "/dev/nvidia1"}
    inventory = Inventory(GPUS["26.1"], frozenset({(1, 7), (1, 8)}), CAPABILITIES, cdi_nodes=nodes)
    assert cdi.instance_names(inventory) == MIG_NAMES


def test_yaml_is_read_as_a_whole_reader_reads_it():
    text = SPECIFICATION.read_text()
    assert block_yaml.parse(text) == yaml.load(text, yaml.BaseLoader)  # noqa: S506 - gives text alone


def test_comments_in_yaml_are_left_out():
    text = (
        "# it's a site's own\nkind: nvidia.com/gpu  # of GPUs\nname: 'gpu #1'\nnext: \"a # b\"\nlist:"
        " # all\n  # two\n- x#y\n"
    )
    assert block_yaml.parse(text) == yaml.load(text, yaml.BaseLoader)  # noqa: S506 - gives text alone


@pytest.mark.parametrize("text", ["a: {b: c}", "a: &x\n  b: c", "a: |\n  text", "- a\nb: c", "a", "a: b\n    c: d"])
def test_yaml_of_another_style_is_refused(text):
    with pytest.raises(ValueError):
        block_yaml.parse(text)


def test_specifications_of_several_folders(tmp_path):
    etc, run = tmp_path / "etc", tmp_path / "run"
    for folder in (etc, run):
        folder.mkdir()
    first = {
        "kind": "nvidia.com/gpu",
        "devices": [{"name": "0", "containerEdits": {"deviceNodes": [{"path": "/dev/nvidia0"}]}}],
    }
    second = {
        "kind": "nvidia.com/gpu",
        "devices": [{"name": "0", "containerEdits": {"deviceNodes": [{"path": "/dev/x", "hostPath": "/dev/nvidia1"}]}}],
    }
    other = {
        "kind": "vendor.com/net",
        "devices": [{"name": "1", "containerEdits": {"deviceNodes": [{"path": "/dev/nvidia7"}]}}],
    }
    (etc / "a.json").write_text(json.dumps(first))
    (run / "b.json").write_text(json.dumps(second))
    (run / "c.json").write_text(json.dumps(other))
    (run / "d.yaml").write_text("kind: nvidia.com/gpu\ndevices: {")
    (run / "f.yaml").write_text("{kind: vendor.com/net, devices: [{name: 0}]}")
    specifications = cdi.Specifications([str(etc), str(run), str(tmp_path / "missing")])
    assert specifications.nodes() == {"0": ("/dev/nvidia1",)}
    assert specifications.unreadable == [str(run / "d.yaml")]
    for path in (run / "e.json", tmp_path / "loop"):
        path.symlink_to(path)
    specifications.folders = [str(etc), str(run), str(tmp_path / "loop")]
    assert specifications.nodes() == {"0": ("/dev/nvidia1",)}
    assert set(specifications.unreadable) == {str(run / "d.yaml"), str(run / "e.json"), str(tmp_path / "loop")}
    (run / "b.json").unlink()
    (run / "e.json").unlink()
    (tmp_path / "loop").unlink()
    os.rename(run / "c.json", run / "d.yaml")
    assert (specifications.nodes(), specifications.unreadable) == ({"0": ("/dev/nvidia0",)}, [])
