# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Docker's folder with the files of all containers. A file is read again when it changed."""

import json
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Optional

from container_gpu_collector.containers import Container, parse
from container_gpu_collector.stamps import Stamp, stamp

_CONFIG, _HOST_CONFIG = "config.v2.json", "hostconfig.json"


@dataclass
class ContainerFiles:
    """The folder `containers` of Docker's data. `unreadable` are the ids of those whose files could not be read."""

    folder: str
    labels: Collection[str] = ()
    cgroup_parent: str = ""
    unreadable: list[str] = field(default_factory=list)
    _known: dict[str, tuple[tuple[Stamp, Stamp], Container]] = field(default_factory=dict)

    def running(self) -> list[Container]:
        """The running containers by name. Raises OSError if the folder cannot be read."""
        known, self.unreadable = {}, []
        for identifier in os.listdir(self.folder):
            try:
                current = self._read(identifier)
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                self.unreadable.append(identifier)
                continue
            if current:
                known[identifier] = current
        self._known = known
        return sorted((entry for _stamps, entry in known.values() if entry.running), key=lambda entry: entry.name)

    def _read(self, identifier: str) -> Optional[tuple[tuple[Stamp, Stamp], Container]]:
        """The container with the stamps of its files; None for one that is being created or removed."""
        config, host_config = (os.path.join(self.folder, identifier, name) for name in (_CONFIG, _HOST_CONFIG))
        try:
            stamps = stamp(config), stamp(host_config)
            known = self._known.get(identifier)
            if known and known[0] == stamps:
                return known
            return stamps, parse(_json(config), _json(host_config), self.labels, self.cgroup_parent)
        except (FileNotFoundError, NotADirectoryError):
            return None


def _json(path: str) -> Any:
    with open(path, encoding="utf-8") as file:
        return json.load(file)
