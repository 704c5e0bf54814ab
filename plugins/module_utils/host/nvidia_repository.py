# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""NVIDIA's package repository, and entries of apt that name the same repository."""

import re
from collections.abc import Sequence

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.repositories import (
    AptEntry,
    without_credentials,
)

_NVIDIA = "https://nvidia.github.io/libnvidia-container/stable/"
NVIDIA_URLS = {"apt": f"{_NVIDIA}deb/$(ARCH)", "dnf": f"{_NVIDIA}rpm/$basearch"}
_OF_NVIDIA = re.compile(r"https?://nvidia\.github\.io/(libnvidia-container|nvidia-container-runtime|nvidia-docker)/.*")


def conflicts(entries: Sequence[AptEntry], own_path: str, repository_url: str) -> list[AptEntry]:
    """Entries of the same repository in other files: apt reads no repository that it has with two keys."""
    own_uri = without_credentials(repository_url).rstrip("/")
    return [
        entry
        for entry in entries
        if entry["path"] != own_path and (_OF_NVIDIA.fullmatch(entry["uri"]) or entry["uri"].rstrip("/") == own_uri)
    ]
