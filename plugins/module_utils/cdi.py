# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import glob
import re
from collections.abc import Iterable
from typing import Any

# The key `kind` of a CDI specification in YAML or JSON (https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md).
_GPU_KIND = re.compile(r"\bkind\W+nvidia\.com/gpu(?![\w.-])")
_UUID = re.compile(r"\bname\W+((?:GPU|MIG)-[0-9a-f-]+)")
# The driver's library, which nvidia-ctk mounts by the driver's version.
_DRIVER = re.compile(r"libcuda\.so\.(\d+(?:\.\d+)+)")


def specifications(folders: Iterable[str]) -> list[str]:
    """The texts of the CDI specifications of kind nvidia.com/gpu in these folders."""
    texts = []
    for folder in folders:
        for path in sorted(glob.glob(f"{folder}/*.yaml") + glob.glob(f"{folder}/*.json")):
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
            if _GPU_KIND.search(text):
                texts.append(text)
    return texts


def names_gpus(folders: Iterable[str]) -> bool:
    """Whether one of these folders has a CDI specification of kind nvidia.com/gpu."""
    return bool(specifications(folders))


def describe(texts: list[str]) -> dict[str, Any]:
    """What the specifications are of: `uuids` of GPUs and MIG instances, and `drivers`, the versions of the driver whose files they mount."""
    return {
        "uuids": sorted({uuid for text in texts for uuid in _UUID.findall(text)}),
        "drivers": sorted({version for text in texts for version in _DRIVER.findall(text)}),
    }
