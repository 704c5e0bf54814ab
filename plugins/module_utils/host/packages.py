# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from typing import TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import Commands

# They depend on each other in exactly one version
# (https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/release-notes.html, 1.18.0).
TOOLKIT_PACKAGES = (
    "libnvidia-container-tools",
    "libnvidia-container1",
    "nvidia-container-toolkit",
    "nvidia-container-toolkit-base",
)
# Fedora and what is made from it have this file.
RED_HAT_RELEASE = "/etc/redhat-release"
_QUERIES = {
    "apt": [
        "dpkg-query",
        "--show",
        "--showformat=${db:Status-Status}\\t${Package}\\t${Version}\\t${db:Status-Want}\\n",
    ],
    "dnf": ["rpm", "--query", "--queryformat", "installed\\t%{NAME}\\t%{VERSION}-%{RELEASE}\\tinstall\\n"],
}


# States in which an installation or a removal left a package halfway, in dpkg's words (man 1 dpkg).
INCOMPLETE = ("half-installed", "unpacked", "half-configured")
_PRESENT = ("installed", "triggers-awaited", "triggers-pending", *INCOMPLETE)


class Package(TypedDict):
    """A package of the host; `version` is without the revision, `state` is installed or one of INCOMPLETE."""

    name: str
    version: str
    held: bool
    state: str


class PackageState(TypedDict):
    """The package manager of a host, the packages of the toolkit, and why they are not known."""

    manager: str
    toolkit: list[Package]
    error: str


def ask(commands: Commands) -> PackageState:
    """The package manager of this host and the toolkit's packages."""
    manager = package_manager(commands)
    if not manager:
        return {"manager": "", "toolkit": [], "error": ""}
    answer = commands.run([*_QUERIES["apt" if manager == "apt" else "dnf"], *TOOLKIT_PACKAGES])
    # dpkg-query ends with 1 if a package is unknown, rpm with the number of those that are not installed.
    if answer.code not in range(len(TOOLKIT_PACKAGES) + 1) or (manager == "apt" and answer.code > 1):
        error = f"The installed packages cannot be queried ({answer.code}): {answer.text}"
        return {"manager": manager, "toolkit": [], "error": error}
    return {"manager": manager, "toolkit": parse(answer.output), "error": ""}


def parse(output: str) -> list[Package]:
    """The packages from lines of state, name, version and selection."""
    packages: list[Package] = []
    for line in output.splitlines():
        fields = line.split("\t")
        if len(fields) == 4 and fields[0] in _PRESENT:
            state, name, version, selection = fields
            packages.append(
                {
                    "name": name,
                    "version": version.rpartition("-")[0] or version,
                    "held": selection == "hold",
                    "state": state if state in INCOMPLETE else "installed",
                }
            )
    return sorted(packages, key=lambda package: package["name"])


def incomplete(packages: list[Package]) -> list[Package]:
    """Those that an installation or a removal left halfway."""
    return [package for package in packages if package["state"] in INCOMPLETE]


def describe(packages: list[Package]) -> str:
    """The packages in words."""
    return ", ".join(
        package["name"]
        + (f"={package['version']}" if package["version"] else "")
        + (f" ({package['state']})" if package["state"] in INCOMPLETE else "")
        for package in packages
    )


def package_manager(commands: Commands) -> str:
    """`apt`, `dnf` or `dnf5`; empty if the host has another one. Some hosts have programs of both families."""
    has_apt = commands.path("apt-get") and commands.path("dpkg-query")
    if has_apt and not os.path.exists(RED_HAT_RELEASE):
        return "apt"
    dnf = commands.path("dnf") or commands.path("dnf5")
    if not dnf or not commands.path("rpm"):
        return ""
    return "dnf5" if os.path.basename(os.path.realpath(dnf)) == "dnf5" else "dnf"
