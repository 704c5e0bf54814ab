# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.cdi import OWN_CDI_FILE
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.repositories import Places


@dataclass(frozen=True)
class Wanted:
    """What the role is asked for. `name` is the host's in messages; `key` is a URL or text, never a path."""

    name: str
    state: str
    version: str
    default_version: str
    minimum_version: str
    driver_minimum: str
    repository_url: str
    key: str
    key_fingerprint: str
    allow_daemon_reload: bool
    allow_restart: bool
    services_removed: bool
    check_mode: bool


@dataclass(frozen=True)
class InstallPackages:
    """Place the repository and its key, and install the packages from it, as one transaction.

    Lists of packages are name=version. `key_before` is the fingerprint of the present key; empty if missing.
    """

    manager: str
    version: str
    present: tuple[str, ...]
    wanted: tuple[str, ...]
    places: Places
    repository: str
    set_aside: tuple[str, ...]
    key_before: str
    key_fingerprint: str

    @property
    def packages_change(self) -> bool:
        """Whether a package changes, so that scripts of packages run."""
        return self.present != self.wanted

    def describe(self) -> str:
        """What would be done."""
        if self.packages_change:
            return f"Would install {', '.join(self.wanted)} instead of {', '.join(self.present) or 'nothing'}."
        return f"Would write {self.places.repository} and its key."


@dataclass(frozen=True)
class ConfigurePackages:
    """Finish the installation of packages that dpkg left halfway, in the version that they have."""

    names: tuple[str, ...]

    def describe(self) -> str:
        """What would be done."""
        return f"Would finish the installation of {', '.join(self.names)}."


@dataclass(frozen=True)
class HoldPackages:
    """Keep upgrades of the host from changing packages, or let them change them again."""

    names: tuple[str, ...]
    hold: bool = True

    def describe(self) -> str:
        """What would be done."""
        return f"Would {'hold' if self.hold else 'no longer hold'} {', '.join(self.names)}."


@dataclass(frozen=True)
class WriteCdi:
    """Write the CDI specification, by the toolkit's service if there is one, else as a file of the role."""

    by_service: bool
    remove_own_file: bool
    devices: tuple[str, ...]

    def describe(self) -> str:
        """What would be done."""
        return f"Would write a CDI specification of {', '.join(self.devices)}."


@dataclass(frozen=True)
class AddRuntime:
    """Merge the runtime nvidia into daemon.json, if `program` is given, and reload the engine."""

    program: str

    def describe(self) -> str:
        """What would be done."""
        return "Would add the runtime nvidia to the Docker engine."


@dataclass(frozen=True)
class RemoveToolkit:
    """Remove what the role installed: `packages` are the names to remove, `release` those to hold no longer.

    `engine_gone` says that the host no longer has a Docker engine, and so no container that needs the toolkit.
    """

    manager: str
    packages: tuple[str, ...]
    release: tuple[str, ...]
    places: Places
    put_back: tuple[str, ...]
    engine_gone: bool = False

    def describe(self) -> str:
        """What would be done."""
        return (
            f"Would remove {', '.join(self.packages) or 'no package'}, {self.places.repository} and what else the role"
            " wrote."
        )


@dataclass(frozen=True)
class RemoveCdi:
    """Remove the role's own CDI specification, of a toolkit that the role did not install."""

    def describe(self) -> str:
        """What would be done."""
        return f"Would remove {OWN_CDI_FILE}."


Action = Union[InstallPackages, ConfigurePackages, HoldPackages, WriteCdi, AddRuntime, RemoveToolkit, RemoveCdi]


@dataclass(frozen=True)
class Plan:
    """What to do on a host, in this order.

    - refusal: why nothing can be done until a person acts; empty if there is no such reason.
    - warnings: what is skipped or should be known. note: a message about the host.
    - mechanism: how containers get the GPUs afterwards, cdi or runtime; empty if they get none.
    """

    actions: tuple[Action, ...] = ()
    refusal: str = ""
    warnings: tuple[str, ...] = ()
    note: str = ""
    mechanism: str = ""
