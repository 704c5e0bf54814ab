# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import glob
import re
from collections.abc import Iterable

# The key `kind` of a CDI specification in YAML or JSON (https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md).
_GPU_KIND = re.compile(r"\bkind\W+nvidia\.com/gpu(?![\w.-])")


def names_gpus(folders: Iterable[str]) -> bool:
    """Whether one of these folders has a CDI specification of kind nvidia.com/gpu."""
    for folder in folders:
        for path in glob.glob(f"{folder}/*.yaml") + glob.glob(f"{folder}/*.json"):
            with open(path, encoding="utf-8", errors="replace") as file:
                if _GPU_KIND.search(file.read()):
                    return True
    return False
