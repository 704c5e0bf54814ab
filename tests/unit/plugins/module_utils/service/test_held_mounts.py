"""What a container has mounted, as far as it shows without a container."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import apply, held_mounts, spec
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import parse
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.shared import SharedAnswers


@pytest.mark.parametrize(
    ("path", "resolved"),
    [
        ("/var/run/docker.sock", "/run/docker.sock"),
        ("/relative/deep/file", "/run/file"),
        ("/run/../var/./run", "/run"),
        ("/missing/folder", "/missing/folder"),
        ("/../..", "/"),
        ("/up/run", "/run"),
    ],
)
def test_links_are_followed_below_the_root(tmp_path, path, resolved):
    (tmp_path / "run").mkdir()
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "run").symlink_to("/run")
    (tmp_path / "relative").mkdir()
    (tmp_path / "relative" / "deep").symlink_to("../var/run")
    (tmp_path / "up").symlink_to("../../..")
    assert held_mounts.resolve(str(tmp_path), path) == resolved


def test_links_in_a_circle_end(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert held_mounts.resolve(str(tmp_path), "/a/file")


@pytest.mark.parametrize("pid", [0, 2**22 + 1])
def test_a_container_that_does_not_run_has_nothing_mounted(pid):
    mount = {"Type": "bind", "Source": "/nonexistent", "Destination": "/data", "RW": True}
    assert held_mounts.replaced({"State": {"Pid": pid}, "Mounts": [mount]}) == {}


def test_what_cannot_be_looked_at_is_said(engine, options, monkeypatch):
    def refuse(inspected):
        raise PermissionError(1, "Operation not permitted", "/proc/1/mountinfo")

    service = spec.checked(parse(options))
    apply.deploy(engine, service, SharedAnswers(engine))
    monkeypatch.setattr(held_mounts, "replaced", refuse)
    deployed, _container = apply.deploy(engine, service, SharedAnswers(engine))
    assert not deployed.plan.changed
    assert "the mounts of app were not compared with the folders and files of the host" in deployed.warnings[0]
    assert "/proc/1/mountinfo: Operation not permitted" in deployed.warnings[0]


@pytest.fixture
def child():
    """The id of a process whose parent is this one. The parent of this one may be hidden."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        yield process.pid


def test_a_process_is_no_other_than_its_parent(tmp_path, child):
    """A process that shares all mounts with its parent holds what the host has."""
    inside = {"Type": "bind", "Source": "/", "Destination": "/", "RW": True}
    assert held_mounts.replaced({"State": {"Pid": child}, "Mounts": [inside]}) == {}
    moved = {**inside, "Source": str(tmp_path)}
    reason = f"the container holds a folder that is no longer at {tmp_path}"
    assert held_mounts.replaced({"State": {"Pid": child}, "Mounts": [moved]}) == {"/": reason}
