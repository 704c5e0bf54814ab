# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""How an engine confines its containers, from its answer of /info."""

import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

# With userns-remap, the engine keeps its data in a folder that is named by the user and group of the containers' root:
# https://docs.docker.com/engine/security/userns-remap/
_REMAPPED_ROOT = re.compile(r"(\d+)\.(\d+)")


class Remapping(NamedTuple):
    """The user and group of the host that root of a container is with userns-remap."""

    uid: int
    gid: int


class Confinement(NamedTuple):
    """What limits the containers of an engine beside their own options."""

    remapping: Optional[Remapping] = None
    selinux: bool = False


def of_info(info: Mapping[str, Any]) -> Confinement:
    """The confinement by an engine."""
    return Confinement(remapping(info), "selinux" in security_options(info))


def security_options(info: Mapping[str, Any]) -> list[str]:
    """Names of SecurityOptions, which the engine writes like `name=seccomp,profile=builtin`."""
    fields = [field for option in info.get("SecurityOptions") or [] for field in option.split(",")]
    return [field.partition("=")[2] for field in fields if field.startswith("name=")]


def remapping(info: Mapping[str, Any]) -> Optional[Remapping]:
    """Whom userns-remap makes of root; None if the engine has no userns-remap."""
    if "userns" not in security_options(info):
        return None
    match = _REMAPPED_ROOT.fullmatch(os.path.basename(str(info.get("DockerRootDir", "")).rstrip("/")))
    return Remapping(int(match[1]), int(match[2])) if match else None
