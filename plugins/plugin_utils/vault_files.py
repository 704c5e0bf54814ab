# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import gzip

from ansible.errors import AnsibleError
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError


class VaultFiles:
    """Content of files, compressed and then encrypted in the format of ansible-vault."""

    def __init__(self, password: str) -> None:
        self._vault = VaultLib([("default", VaultSecret(password.encode()))])

    def encrypt(self, content: bytes) -> bytes:
        """The encrypted content, which was decrypted once to check it."""
        encrypted = bytes(self._vault.encrypt(gzip.compress(content, 6)))
        if self.decrypt(encrypted, "the new backup") != content:
            raise BackupError("An encrypted file of the backup cannot be decrypted again.")
        return encrypted

    def decrypt(self, encrypted: bytes, name: str) -> bytes:
        """The content. Raises BackupError if the password is another one, or the file is damaged."""
        try:
            return gzip.decompress(self._vault.decrypt(encrypted))
        except (AnsibleError, OSError, EOFError) as error:
            raise BackupError(
                f"{name} cannot be decrypted. Give the password with which the backup was made, or use another backup."
            ) from error
