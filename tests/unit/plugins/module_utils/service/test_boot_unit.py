"""The unit that systemd reads at boot: there with the first service, gone with the last one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import (
    boot_unit,
    manifest,
    start_services,
    state,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.manifest import Manifest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import ServiceSpec

SERVICE = ServiceSpec(name="app", image="app:1", networks=["monitoring"])
GONE = ServiceSpec(name="app", state="absent")


@pytest.fixture
def units(tmp_path, monkeypatch):
    """Folder of the units of a host with systemd."""
    monkeypatch.setattr(boot_unit, "UNITS", str(tmp_path / "units"))
    monkeypatch.setattr(boot_unit, "SYSTEMD", str(tmp_path))
    monkeypatch.setattr(state, "FOLDER", str(tmp_path / "state"))
    return tmp_path / "units"


@pytest.fixture
def deployed(units):
    state.save("app", manifest.KIND, {"networks": ["monitoring"]})


def settle(*services: ServiceSpec, check_mode: bool = False) -> list[str]:
    """The paths that changed."""
    changes = boot_unit.settle("/run/docker.sock", "/run/locks", list(services), check_mode)
    return [Path(change["after_header"]).name for change in changes]


ALL = ["start_services.py", boot_unit.NAME, boot_unit.NAME, boot_unit.NAME]


def test_the_unit_comes_with_the_first_service_and_stays_as_it_is(units, deployed, tmp_path):
    assert settle(SERVICE) == ALL
    assert settle(SERVICE) == []
    script = tmp_path / "state" / "start_services.py"
    assert script.read_text() == Path(start_services.__file__).read_text()
    assert f" {script} /run/docker.sock /run/locks" in (units / boot_unit.NAME).read_text()
    for target in ("docker.service", "multi-user.target"):
        assert (units / f"{target}.wants" / boot_unit.NAME).readlink() == units / boot_unit.NAME


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit(units, deployed):
    settle(SERVICE)
    run = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", units / boot_unit.NAME], capture_output=True, text=True, check=False
    )
    assert (run.returncode, boot_unit.NAME in run.stderr) == (0, False), run.stderr


def test_what_was_changed_by_hand_is_restored(units, deployed):
    settle(SERVICE)
    (units / boot_unit.NAME).write_text("[Unit]\n")
    (units / "docker.service.wants" / boot_unit.NAME).unlink()
    assert settle(SERVICE) == [boot_unit.NAME, boot_unit.NAME]
    assert settle(SERVICE) == []


def test_the_unit_goes_with_the_last_service(units, deployed, tmp_path):
    settle(SERVICE)
    (units / "multi-user.target.wants" / "other.service").symlink_to("other.service")
    manifest.leave("app", data=True)
    assert settle(GONE) == ALL
    assert sorted(path.name for path in units.rglob("*")) == ["multi-user.target.wants", "other.service"]
    assert not (tmp_path / "state").exists()
    assert settle(GONE) == []


def test_data_that_is_left_of_a_removed_service_needs_no_unit(units, deployed):
    settle(SERVICE)
    state.save("app", manifest.KIND, {"volumes": ["data"]})
    assert settle(GONE) == ALL


def test_a_dry_run_tells_and_writes_nothing(units):
    assert settle(SERVICE, check_mode=True) == ALL
    assert not units.exists()


def test_a_dry_run_tells_of_the_removal(units, deployed):
    settle(SERVICE)
    assert settle(GONE, check_mode=True) == ALL
    assert (units / boot_unit.NAME).exists()


def test_no_unit_without_systemd(units, deployed, monkeypatch):
    monkeypatch.setattr(boot_unit, "SYSTEMD", "/nowhere")
    assert settle(SERVICE) == []


def test_a_folder_that_cannot_be_written_is_named(units, deployed):
    units.write_text("no folder")
    with pytest.raises(ServiceError, match=f"files: {units}"):
        settle(SERVICE)


@pytest.mark.parametrize(
    ("distribution", "python"),
    [
        ("/usr/bin/python3.9", "/usr/bin/python3"),
        ("/usr/bin/python3.13", "/usr/bin/python3"),
        ("/usr/libexec/platform-python3.6", "/opt/venv/python"),
    ],
)
def test_the_python_that_is_there_at_the_next_boot(monkeypatch, distribution, python):
    monkeypatch.setattr(
        boot_unit.os.path, "realpath", lambda path: distribution if path == "/usr/bin/python3" else path
    )
    monkeypatch.setattr(boot_unit.sys, "executable", "/opt/venv/python")
    assert boot_unit._python() == python


def test_deployed_services_of_a_host(units):
    state.save("app", manifest.KIND, {"networks": ["monitoring"]})
    state.save("left", manifest.KIND, {"volumes": ["data"]})
    assert manifest.deployed() == ["app"]
    assert manifest.read("left") == Manifest(volumes=["data"])
