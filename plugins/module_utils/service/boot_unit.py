# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The systemd unit that starts services whose start failed at boot.

systemd reads the unit at the next boot. No daemon-reload makes it known earlier, as that would take GPUs from
containers that have them by the hook (https://github.com/NVIDIA/nvidia-container-toolkit/issues/48).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import files, manifest, start_services, state
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import ManagedFile, ServiceSpec

SYSTEMD = "/run/systemd/system"
UNITS = "/etc/systemd/system"
NAME = "gpu-monitoring-services.service"
SCRIPT = "start_services.py"
# Another unit than docker.service runs an engine from a snap.
WANTED_BY = ("docker.service", "multi-user.target")
UNIT = """\
# Written by the module mlops.gpu_monitoring.container_service; changes made here are overwritten.
[Unit]
Description=Start GPU monitoring services whose start failed
After=docker.service

[Service]
ExecStart={python} {script} {socket} {locks}

[Install]
WantedBy={wanted_by}
"""
# A distribution's Python stays. One of another place, such as a virtual environment, may be gone at the next boot.
_DISTRIBUTION_PYTHON = "/usr/bin/python3"
_OLDEST_PYTHON = 9


def settle(socket_path: str, lock_folder: str, services: list[ServiceSpec], check_mode: bool) -> list[dict[str, str]]:
    """Keep the unit on a host with systemd and a deployed service, and remove the unit from others.

    `services` are those of this call, which check mode did not deploy or remove. Returns the changes in Ansible's form
    of a diff. Raises ServiceError if a file cannot be written or removed.
    """
    deployed = {*manifest.deployed()}
    if check_mode:
        deployed -= {service.name for service in services if service.state == "absent"}
        deployed |= {service.name for service in services if service.state == "present"}
    wanted = os.path.isdir(SYSTEMD) and bool(deployed)
    script = os.path.join(state.FOLDER, SCRIPT)
    contents = {script: _source(), os.path.join(UNITS, NAME): _unit(script, socket_path, lock_folder)} if wanted else {}
    changes = _write(contents, check_mode) if wanted else _remove([script, os.path.join(UNITS, NAME)], check_mode)
    return changes + [change for link in _links() for change in _link(link, wanted, check_mode)]


def _unit(script: str, socket_path: str, lock_folder: str) -> str:
    return UNIT.format(
        python=_python(), script=script, socket=socket_path, locks=lock_folder, wanted_by=" ".join(WANTED_BY)
    )


def _source() -> str:
    """The text of the script, from the archive that Ansible sends. Ansible's own loader gives bytes."""
    source = start_services.__loader__.get_source(start_services.__name__)  # type: ignore[union-attr]
    return source.decode() if isinstance(source, bytes) else str(source)


def _python() -> str:
    """The Python that runs the script."""
    version = re.search(r"python3\.(\d+)$", os.path.realpath(_DISTRIBUTION_PYTHON))
    return _DISTRIBUTION_PYTHON if version and int(version[1]) >= _OLDEST_PYTHON else os.path.realpath(sys.executable)


def _write(contents: Mapping[str, str], check_mode: bool) -> list[dict[str, str]]:
    wanted = [
        ManagedFile(path, content, owner=str(os.geteuid()), group=str(os.getegid()))
        for path, content in contents.items()
    ]
    changes = files.changes(wanted)
    for change in changes if not check_mode else []:
        files.make_folder(os.path.dirname(change.path))
        files.write(change.path, change.wanted)
    return [change.diff() for change in changes]


def _remove(paths: list[str], check_mode: bool) -> list[dict[str, str]]:
    existing = [path for path in paths if os.path.lexists(path)]
    for path in existing if not check_mode else []:
        files.remove(path)
        files.remove_empty([state.FOLDER])
    return [_diff(path, "present\n", "absent\n") for path in existing]


def _links() -> list[str]:
    return [os.path.join(UNITS, f"{unit}.wants", NAME) for unit in WANTED_BY]


def _link(path: str, wanted: bool, check_mode: bool) -> list[dict[str, str]]:
    """What `systemctl enable` and `disable` do, without the daemon-reload of these."""
    target = os.path.join(UNITS, NAME)
    present = os.readlink(path) if os.path.islink(path) else ""
    if (present == target) == wanted and (wanted or not os.path.lexists(path)):
        return []
    if not check_mode:
        if os.path.lexists(path):
            files.remove(path)
        if wanted:
            files.make_folder(os.path.dirname(path))
            with files.about(path):
                os.symlink(target, path)
        else:
            files.remove_empty([os.path.dirname(path)])
    return [_diff(path, f"{present}\n" if present else "", f"{target}\n" if wanted else "")]


def _diff(path: str, before: str, after: str) -> dict[str, str]:
    return {"before_header": path, "after_header": path, "before": before, "after": after}
