# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import NamedTuple, TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import cdi, daemon_config
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.cdi import OWN_CDI_FILE
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import Commands
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.engine import DAEMON_JSON, EngineState
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.packages import PackageState

PROGRAMS = ("nvidia-ctk", "nvidia-container-runtime", "nvidia-container-runtime-hook", "nvidia-cdi-hook")
REFRESH_SERVICE = "nvidia-cdi-refresh"
# Where programs of the toolkit and Docker look, unless configured otherwise.
CDI_FOLDERS = ("/etc/cdi", "/var/run/cdi")
_UNIT_FOLDERS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_VERSION = re.compile(r"version (\d+(?:\.\d+)+)")
# From the package that holds the programs to the older one that held them.
_VERSIONED = ("nvidia-container-toolkit-base", "nvidia-container-toolkit")


class ToolkitState(TypedDict):
    """The NVIDIA container toolkit of a host, from packages or not."""

    version: str
    programs: dict[str, str]
    cdi_refresh_service: bool
    own_cdi_file: bool
    cdi_folders: list[str]
    runtime_program: str
    daemon_runtime: str
    daemon_error: str


class DaemonRuntime(NamedTuple):
    """The program of the runtime nvidia in daemon.json, and why the file cannot be read."""

    program: str
    error: str


def ask(commands: Commands, packages: PackageState, engine: EngineState) -> ToolkitState:
    """The toolkit of this host."""
    daemon = daemon_runtime(DAEMON_JSON)
    programs = {program: path for program in PROGRAMS if (path := commands.path(program))}
    versions = {package["name"]: package["version"] for package in packages["toolkit"]}
    version = next((versions[name] for name in _VERSIONED if name in versions), "")
    if not version and "nvidia-ctk" in programs:
        match = _VERSION.search(commands.run([programs["nvidia-ctk"], "--version"]).output)
        version = match[1] if match else ""
    return {
        "version": version,
        "programs": programs,
        "cdi_refresh_service": any(os.path.exists(f"{folder}/{REFRESH_SERVICE}.service") for folder in _UNIT_FOLDERS),
        "own_cdi_file": os.path.exists(OWN_CDI_FILE),
        "cdi_folders": cdi_folders(engine),
        "runtime_program": _runtime_program(commands, engine),
        "daemon_runtime": daemon.program,
        "daemon_error": daemon.error,
    }


def cdi_folders(engine: EngineState, usual: Iterable[str] = CDI_FOLDERS) -> list[str]:
    """Folders with CDI specifications of GPUs: those that the engine reads, and those that the runtime nvidia reads
    alone.
    """
    specifications = [*cdi.describe(usual), *engine["cdi_specifications"]]
    return list(dict.fromkeys(os.path.dirname(specification["path"]) for specification in specifications))


def _runtime_program(commands: Commands, engine: EngineState) -> str:
    """Path of the program that the engine runs for the runtime nvidia; empty if it does not exist."""
    program = engine["runtimes"].get("nvidia", "")
    if not os.path.isabs(program):
        return (commands.path(program) or "") if program else ""
    return program if os.access(program, os.X_OK) else ""


def daemon_runtime(path: str) -> DaemonRuntime:
    """The settings of the runtime nvidia in a configuration file of the engine."""
    try:
        with open(path, encoding="utf-8") as file:
            config = daemon_config.parse(file.read(), path)
    except FileNotFoundError:
        return DaemonRuntime("", "")
    except (OSError, ValueError) as error:
        return DaemonRuntime("", str(error))
    runtimes = config.get("runtimes")
    nvidia = runtimes.get("nvidia") if isinstance(runtimes, dict) else None
    return DaemonRuntime(str(nvidia.get("path", "")) if isinstance(nvidia, dict) else "", "")
