# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The device nodes of the CDI devices of kind nvidia.com/gpu, from the specifications that Docker reads."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from container_gpu_collector import block_yaml
from container_gpu_collector.inventory import InstanceKey, Inventory
from container_gpu_collector.stamps import Stamp, stamp

_KIND = "nvidia.com/gpu"
# Paths of device nodes by the name of the CDI device.
Nodes = dict[str, tuple[str, ...]]


@dataclass
class Specifications:
    """The folders with specifications. A device that is in several folders comes from the last of them.

    `unreadable` are the files that cannot be read or are not understood. A file is read again when it changed.
    """

    folders: Iterable[str]
    unreadable: list[str] = field(default_factory=list)
    _known: dict[str, tuple[Stamp, Optional[Nodes]]] = field(default_factory=dict)

    def nodes(self) -> Nodes:
        """The device nodes of all devices."""
        known, devices, denied = {}, {}, []
        for path in (path for folder in self.folders for path in sorted(_files(folder))):
            try:
                current = stamp(path)
                before = self._known.get(path)
                known[path] = before if before and before[0] == current else (current, _read(path))
            except FileNotFoundError:
                continue
            except OSError:
                denied.append(path)
                continue
            devices.update(known[path][1] or {})
        self._known = known
        self.unreadable = denied + [path for path, (_stamp, nodes) in known.items() if nodes is None]
        return devices


def instance_names(inventory: Inventory) -> dict[str, InstanceKey]:
    """The GPU instances of `inventory` by the names that its CDI devices give them, such as their UUIDs."""
    names = {}
    for name, nodes in inventory.cdi_nodes.items():
        devices = inventory.of_nodes(nodes)
        if name != "all" and len(devices) == 1 and devices[0].instance is not None:
            names[name] = (devices[0].gpu.minor, devices[0].instance)
    return names


def parse(text: str) -> Nodes:
    """The devices of a specification in JSON or YAML. Raises an exception for what is not one.

    Those of other vendors may be in any style.
    """
    if _KIND not in text:
        return {}
    specification = json.loads(text) if text.lstrip().startswith("{") else block_yaml.parse(text)
    if specification["kind"] != _KIND:
        return {}
    return {str(device["name"]): _paths(device.get("containerEdits") or {}) for device in specification["devices"]}


def _paths(edits: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(node.get("hostPath") or node["path"]) for node in edits.get("deviceNodes") or [])


def _files(folder: str) -> list[str]:
    try:
        return [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith((".json", ".yaml"))]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError:
        # The folder itself is what cannot be read.
        return [folder]


def _read(path: str) -> Optional[Nodes]:
    """The devices of a file; None for one that is not understood. Raises OSError for one that cannot be read."""
    with open(path, encoding="utf-8") as file:
        try:
            return parse(file.read())
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            return None
