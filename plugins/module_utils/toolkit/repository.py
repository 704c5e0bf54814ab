# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.nvidia_repository import NVIDIA_URLS, conflicts
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.packages import TOOLKIT_PACKAGES
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.repositories import (
    MARK,
    AptEntry,
    Places,
    RepositoryFile,
)

# The name of the dnf repository.
PINNED = "nvidia-container-toolkit-pinned"


def url(manager: str, wanted: str) -> str:
    """The URL of the repository, by default NVIDIA's own."""
    return wanted or NVIDIA_URLS["apt" if manager == "apt" else "dnf"]


def packages(version: str) -> tuple[str, ...]:
    """The four packages in a version, as name=version."""
    return tuple(f"{name}={version}" for name in TOOLKIT_PACKAGES)


def file_names(manager: str, version: str) -> list[str]:
    """The four packages in a version, as the package manager is asked for them."""
    return [f"{name}={version}-1" if manager == "apt" else f"{name}-{version}-1" for name in TOOLKIT_PACKAGES]


def mixed(entries: Sequence[AptEntry], own_path: str, repository_url: str) -> list[AptEntry]:
    """Of these entries those in files that hold other entries too, so that the file cannot be set aside."""
    same = conflicts(entries, own_path, repository_url)
    other_paths = {entry["path"] for entry in entries if entry not in same}
    return [entry for entry in same if entry["path"] in other_paths]


def history(file: RepositoryFile, present: Sequence[str], set_aside: Sequence[str]) -> list[str]:
    """The lines by which a removal keeps what existed before the role."""
    installed_before = file["installed_before"] if file["written_by_role"] else list(present)
    lines = [f"# Installed before: {package}" for package in installed_before]
    return sorted({*lines, *(f"# Set aside: {path}" for path in [*file["set_aside"], *set_aside])})


def text(manager: str, version: str, repository_url: str, places: Places, history_lines: Sequence[str]) -> str:
    """The repository file."""
    lines = [MARK, *history_lines]
    if manager == "apt":
        lines += ["Types: deb", f"URIs: {repository_url}", "Suites: /", f"Signed-By: {places.key}"]
        if repository_url.startswith("file:"):
            # A copy stays as old as it is. The signature is checked all the same.
            lines.append("Check-Valid-Until: no")
        return "\n".join([*lines, ""])
    # Limited to the packages in one version, and before all other repositories, this one holds them
    # (https://dnf.readthedocs.io/en/latest/conf_ref.html). NVIDIA signs the metadata, and no package.
    lines[0] = f"{MARK}, which holds the packages in their version with it: priority and includepkgs"
    settings = [
        f"[{PINNED}]",
        f"name=NVIDIA container toolkit {version}",
        f"baseurl={repository_url}",
        "repo_gpgcheck=1",
        "gpgcheck=0",
        f"gpgkey=file://{places.key}",
        "priority=1",
        f"includepkgs={', '.join(file_names(manager, version))}",
        "skip_if_unavailable=0",
    ]
    return "\n".join([*lines, *settings, ""])
