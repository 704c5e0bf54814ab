# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import hashlib
from pathlib import Path

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.digests import Digest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.manifest import ENCRYPTED
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.staging import EXCLUDED, StagedFile
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.backup_targets import Target
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_files import HostFiles
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.vault_files import VaultFiles

# ansible-vault writes two digits for each digit of the hexadecimal form.
ENCRYPTED_SIZE = 5
# Reports of verify have no secrets and are made again.
_NOT_OF_CONTROLLER = ("verify.json",)


class Contents:
    """The files of a new backup, secrets encrypted."""

    def __init__(self, target: Target, host_files: HostFiles, password: str) -> None:
        self._target = target
        self._host_files = host_files
        self._vault = VaultFiles(password) if password else None
        self.files: dict[str, Digest] = {}
        self.missing: dict[str, str] = {}

    def add_staged(self, staged: list[StagedFile]) -> None:
        """Add the frozen state of the host."""
        clear = [entry for entry in staged if not entry["secret"]]
        self._target.add_staged(clear)
        self.files.update({entry["name"]: Digest(size=entry["size"], sha256=entry["sha256"]) for entry in clear})
        for entry in staged:
            if entry["secret"]:
                content = b"".join(self._host_files.read(entry["path"], entry["size"]))
                if hashlib.sha256(content).hexdigest() != entry["sha256"]:
                    raise BackupError(f"{entry['name']} changed on its way from the host. Run the backup again.")
                self._add_secret(entry["name"], content)

    def add_controller(self, folder: str, secrets: bool) -> None:
        """Add the certificate authority and the passwords of the controller, if these are links too."""
        for path in sorted(Path(folder).rglob("*")):
            name = f"controller/{path.relative_to(folder)}"
            if not path.is_file() or path.name in _NOT_OF_CONTROLLER:
                continue
            if secrets:
                self._add_secret(name, path.read_bytes())
            else:
                self.missing[name] = EXCLUDED

    def add(self, name: str, content: bytes) -> None:
        """Add a file that is not a secret."""
        self._target.add(name, content)
        self.files[name] = Digest(size=len(content), sha256=hashlib.sha256(content).hexdigest())

    def _add_secret(self, name: str, content: bytes) -> None:
        if self._vault is None:
            raise BackupError(f"{name} is a secret, and there is no password to encrypt it with.")
        self.add(name + ENCRYPTED, self._vault.encrypt(content))
