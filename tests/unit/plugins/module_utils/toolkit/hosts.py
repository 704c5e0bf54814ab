"""Hosts as host_info shows them, and their declared state."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import engine, repositories
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.look import Host
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.packages import TOOLKIT_PACKAGES
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.repositories import Places
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit import repository
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.plan import Wanted

UUIDS = ["GPU-aaaa", "GPU-bbbb"]
DRIVER = "580.95.05"
SPECIFICATION = {"path": "/var/run/cdi/nvidia.yaml", "uuids": UUIDS, "drivers": [DRIVER]}
FINGERPRINT = "C95B321B61E88C1809C4F759DDCAE044F796ECB0"
URL = "http://mirror/nvidia"
PROGRAM = "nvidia-container-runtime"


def wanted(**given: Any) -> Wanted:
    """What a site's variables ask for."""
    defaults: dict[str, Any] = {
        "name": "gpu1",
        "state": "present",
        "version": "",
        "default_version": "1.20.1",
        "minimum_version": "1.12.0",
        "driver_minimum": "418.81.07",
        "repository_url": URL,
        "key": "http://mirror/key.asc",
        "key_fingerprint": FINGERPRINT,
        "allow_daemon_reload": False,
        "allow_restart": False,
        "services_removed": False,
        "check_mode": False,
    }
    return Wanted(**{**defaults, **given})


def container(name: str, gpu_access: str = "none", runtime: str = "runc", service: str = "") -> engine.Container:
    return {
        "name": name,
        "id": name,
        "image": "image",
        "age": 3600,
        "runtime": runtime,
        "gpu_access": gpu_access,
        "asked_gpus": [],
        "service": service,
    }


def fresh(manager: str = "apt", **engine_state: Any) -> Host:
    """A host with GPUs, a driver and an engine by the runtime, without the toolkit."""
    places = repositories.places(manager)
    return {
        "gpu": {
            "present": True,
            "hardware": True,
            "gpus": [],
            "uuids": UUIDS,
            "devices": UUIDS,
            "driver_version": DRIVER,
            "pci_devices": [],
            "passed_through": [],
            "lost_devices": [],
            "msg": "2 NVIDIA GPUs.",
            "error": "",
            "hostengine": "",
        },
        "engine": {
            **engine.unknown(installed=True),
            "reachable": True,
            "default_runtime": "runc",
            "runtimes": {"runc": "runc"},
            **engine_state,
        },
        "packages": {"manager": manager, "toolkit": [], "error": ""},
        "repositories": {
            "apt_entries": [],
            "file": repositories.repository_file(places.repository, None) if manager else None,
            "key": repositories.key_file(places.key, None) if manager else None,
        },
        "toolkit": {
            "version": "",
            "programs": {},
            "cdi_refresh_service": False,
            "cdi_folders": [],
            "own_cdi_file": False,
            "runtime_program": "",
            "daemon_runtime": "",
            "daemon_error": "",
        },
        "kernel": {"pressure": True},
        "addresses": {"own": [], "nonlocal_bind": False},
        "files": {},
    }


def installed(version: str, manager: str = "apt", cdi: bool = False, held: bool = False, **engine_state: Any) -> Host:
    """A host on which the toolkit works, from packages that the role did not install."""
    by_runtime = {"runtimes": {"runc": "runc", "nvidia": PROGRAM}, "nvidia_runtimes": ["nvidia"]}
    by_cdi = {"cdi_enabled": True, "cdi_gpus": True, "cdi_specifications": [SPECIFICATION]}
    host = fresh(manager, **{**(by_cdi if cdi else by_runtime), **engine_state})
    host["packages"]["toolkit"] = [
        {"name": name, "version": version, "held": held, "state": "installed"} for name in TOOLKIT_PACKAGES
    ]
    host["toolkit"]["version"] = version
    host["toolkit"]["programs"] = {program: f"/usr/bin/{program}" for program in ("nvidia-ctk", PROGRAM)}
    host["toolkit"]["cdi_refresh_service"] = True
    if not cdi:
        host["toolkit"]["runtime_program"] = f"/usr/bin/{PROGRAM}"
        host["toolkit"]["daemon_runtime"] = PROGRAM
    return host


def by_role(
    version: str,
    history: tuple[str, ...] = (),
    manager: str = "apt",
    places: Optional[Places] = None,
    **engine_state: Any,
) -> Host:
    """A host on which the role installed the toolkit."""
    host = installed(version, manager, held=manager == "apt", **engine_state)
    places = places or repositories.places(manager)
    text = repository.text(manager, version, URL, places, history)
    host["repositories"]["file"] = repositories.repository_file(places.repository, text, "0644")
    host["repositories"]["key"] = {
        "path": places.key,
        "exists": True,
        "sha256": "hash",
        "mode": "0644",
        "fingerprint": FINGERPRINT,
    }
    return host
