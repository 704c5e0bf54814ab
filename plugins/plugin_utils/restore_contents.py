# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.manifest import ENCRYPTED, Manifest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.restored_data import Delivered
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.staging import DATABASE
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.restore_sources import Source
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.vault_files import VaultFiles

# Where the files of a service begin in a backup. What is elsewhere in a backup is not data of a volume.
_DATA = {"grafana": ("grafana/plugins/",), "prometheus": ("prometheus/blocks/",), "alertmanager": ("alertmanager/",)}
_STRIPPED = {"grafana": "grafana/", "prometheus": "prometheus/blocks/", "alertmanager": "alertmanager/"}
_SECRETS = {"grafana": (f"grafana/{DATABASE}", "grafana/secret_key")}


@dataclass
class ServiceData:
    """The data of a service in a backup: clear files by their names, and the content of secrets by path."""

    clear: dict[str, Delivered] = field(default_factory=dict)
    secrets: dict[str, bytes] = field(default_factory=dict)

    def delivered(self) -> list[Delivered]:
        """All files as they must arrive."""
        secrets = [
            Delivered(path=path, size=len(content), sha256=hashlib.sha256(content).hexdigest())
            for path, content in self.secrets.items()
        ]
        return [*self.clear.values(), *secrets]

    def size(self) -> int:
        """The bytes of all files."""
        return sum(entry["size"] for entry in self.delivered())


def of_service(source: Source, manifest: Manifest, service: str, vault: VaultFiles | None) -> ServiceData:
    """What the backup has of a service.

    Raises BackupError if the data is not in the backup, or cannot be decrypted.
    """
    if service not in manifest.services:
        raise BackupError(
            f"{service} is not in the backup, which has {', '.join(manifest.services) or 'no service'}. Leave {service}"
            " out."
        )
    data = ServiceData()
    for name in _SECRETS.get(service, ()):
        if name in manifest.missing:
            raise BackupError(
                f"{name} is not in the backup: {manifest.missing[name]}. Leave {service} out. The datasources, folders"
                " and dashboards are in grafana/resources.json, for the module grafana_resources."
            )
        data.secrets[name.partition("/")[2]] = decrypted(source, manifest, name, vault)
    for name, digest in manifest.files.items():
        if name.startswith(_DATA[service]):
            data.clear[name] = Delivered(path=name[len(_STRIPPED[service]) :], **digest)
    return data


def images_of(manifest: Manifest) -> dict[str, list[str]]:
    """The images of each service's containers at the backup."""
    images: dict[str, list[str]] = {}
    for container in manifest.images:
        images.setdefault(container["service"], []).append(container["image"])
    return images


def of_controller(source: Source, manifest: Manifest, vault: VaultFiles | None) -> dict[str, bytes]:
    """The files of the controller by their paths in its folder."""
    names = [name[: -len(ENCRYPTED)] for name in manifest.files if name.startswith("controller/")]
    if not names:
        raise BackupError("The backup has no files of the controller. Use a backup with backup_secrets: encrypted.")
    return {name.partition("/")[2]: decrypted(source, manifest, name, vault) for name in names}


def decrypted(source: Source, manifest: Manifest, name: str, vault: VaultFiles | None) -> bytes:
    """The content of a secret."""
    if vault is None:
        raise BackupError(f"vault_password: it is empty, and {name} is encrypted. Give the password of the backup.")
    stored = name + ENCRYPTED
    if stored not in manifest.files:
        raise BackupError(f"{stored} is not in the backup. Use another backup.")
    return vault.decrypt(source.content(stored, manifest.files[stored]["size"]), stored)
