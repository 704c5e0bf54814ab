# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable
from typing import Any

# Only the role nvidia_container_toolkit writes to this file.
OWN_CDI_FILE = "/etc/cdi/mlops.gpu_monitoring.yaml"
# The key `kind` of a CDI specification in YAML or JSON
# (https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md).
_GPU_KIND = re.compile(r"\bkind\W+nvidia\.com/gpu(?![\w.-])")
_NAME = re.compile(r"\bname[\"']?\s*:\s*[\"']?([A-Za-z0-9][\w.:-]*)")
_UUID = re.compile(r"(?:GPU|MIG)-[0-9a-f-]+")
# The driver's library, which nvidia-ctk mounts by the driver's version.
_DRIVER = re.compile(r"libcuda\.so\.(\d+(?:\.\d+)+)")


def describe(folders: Iterable[str]) -> list[dict[str, Any]]:
    """The CDI specifications of kind nvidia.com/gpu from which containers get devices.

    `uuids` are the GPUs and MIG instances of a specification, `drivers` the versions of the driver whose files it
    mounts.

    A device in several folders comes from the last of them. A device in several files of a folder comes from no file.
    """
    texts: dict[str, str] = {}
    source: dict[str, str] = {}
    conflicts = set()
    for folder in folders:
        for path, text in _specifications(folder):
            texts[path] = text
            for name in set(_NAME.findall(text)):
                if os.path.dirname(source.get(name, "")) == folder:
                    conflicts.add(name)
                source[name] = path
    devices = {
        path: sorted(name for name in source if source[name] == path and name not in conflicts) for path in texts
    }
    return [
        {
            "path": path,
            "uuids": [name for name in names if _UUID.fullmatch(name)],
            "drivers": sorted(set(_DRIVER.findall(texts[path]))),
        }
        for path, names in devices.items()
        if names
    ]


def _specifications(folder: str) -> Iterable[tuple[str, str]]:
    """Path and text of each that can be read, as the engine does."""
    for path in sorted(glob.glob(f"{folder}/*.yaml") + glob.glob(f"{folder}/*.json")):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        if _GPU_KIND.search(text):
            yield path, text
