"""How the real server encrypts secrets of datasources, as far as it is seen from outside.

From its source (pkg/services/secrets/manager, pkg/services/datasources/service): a data key of the day is encrypted
with secret_key. With another secret_key neither the data key nor what it encrypted can be read. Then secureJsonFields
is empty, and a PUT is answered with 500.
"""

from __future__ import annotations

import hashlib

from stand_in.store import Store


class Encryption:
    """The data key in use, and the secret_key under which each datasource's secrets were stored."""

    def __init__(self, store: Store, secret_key: str) -> None:
        self._store, self._key = store, hashlib.sha256(secret_key.encode()).hexdigest()
        self._state: dict[str, str] = store.state["encryption"]

    def can_read(self, uid: str) -> bool:
        """Whether the secrets of a datasource can be decrypted."""
        return self._state.get(f"datasource {uid}", self._key) == self._key

    def can_encrypt(self) -> bool:
        """Whether the data key of the day can be decrypted."""
        return self._state.get("data key", self._key) == self._key

    def encrypted(self, uid: str) -> None:
        """The secrets of a datasource were stored."""
        self._state["data key"] = self._state[f"datasource {uid}"] = self._key

    def removed(self, uid: str) -> None:
        """A datasource was removed."""
        self._state.pop(f"datasource {uid}", None)

    def rotate(self) -> None:
        """Use a new data key from now on."""
        self._state.pop("data key", None)
        self._store.save()
