# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Control groups of containers: their paths, and the container of a process."""

import re
from collections.abc import Container as Collection
from typing import Optional

_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


def path(identifier: str, parent: str, driver: str) -> str:
    """The control group of a container as cAdvisor has it in the label `id`. `driver` is `systemd` or `cgroupfs`."""
    if driver == "systemd":
        return f"{_slice(parent or 'system.slice')}/docker-{identifier}.scope"
    return "/".join(["", *filter(None, (parent or "docker").split("/")), identifier])


def _slice(name: str) -> str:
    """The folder of a slice of systemd: a-b.slice is below a.slice."""
    if name == "-.slice":
        return ""
    parts = name.strip("/")[: -len(".slice")].split("-")
    return "".join(f"/{'-'.join(parts[: depth + 1])}.slice" for depth in range(len(parts)))


def container_of(text: str, known: Collection[str]) -> Optional[str]:
    """The id of the container of a process, from the text of /proc/PID/cgroup; None if no known container has it.

    A container in a container shows the ids of both: the first that the engine knows counts.
    """
    return next((identifier for identifier in _ID.findall(text) if identifier in known), None)
