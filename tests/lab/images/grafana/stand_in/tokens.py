"""Tokens of service accounts."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from typing import Any

from stand_in.errors import ApiError
from stand_in.moments import written
from stand_in.store import Store

_KEY = re.compile(r"glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class Tokens:
    """The tokens of the stand-in, kept as hashes of their keys."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._all: dict[str, dict[str, Any]] = store.state["tokens"]

    def owner(self, key: str) -> int:
        """The id of the service account that a key belongs to."""
        if not _KEY.fullmatch(key):
            raise ApiError(401, "Invalid API key", extra=None, messageId="api-key.invalid", statusCode=401, traceID="")
        digest = _digest(key)
        for token in self._all.values():
            if token["hash"] == digest:
                if _has_expired(token):
                    raise ApiError(
                        401, "Expired API key", extra=None, messageId="api-key.expired", statusCode=401, traceID=""
                    )
                return token["account"]
        raise ApiError(401, "Unauthorized", traceID="")

    def count(self, account: int) -> int:
        """How many a service account has."""
        return len(self._of(account))

    def listed(self, account: int) -> list[dict[str, Any]]:
        """Those of a service account, without their keys. When one was last used is not kept."""
        return [_shown(token) for token in sorted(self._of(account), key=lambda token: token["name"])]

    def create(self, account: int, body: Any) -> dict[str, Any]:
        """Add one; its key is shown here only."""
        if (
            not isinstance(body, dict)
            or not isinstance(body.get("name"), str)
            or not isinstance(body.get("secondsToLive") or 0, int)
        ):
            raise ApiError(400, "Bad request data")
        seconds = body.get("secondsToLive") or 0
        if seconds < 0:
            raise ApiError(
                400, "invalid SecondsToLive value", statusCode=400, messageId="serviceaccounts.ErrInvalidInput"
            )
        if any(token["name"] == body["name"] for token in self._all.values()):
            message = "service account token with given name already exists in the organization"
            raise ApiError(400, message, statusCode=400, messageId="serviceaccounts.ErrTokenAlreadyExists")
        key = f"glsa_{''.join(secrets.choice(_LETTERS) for _letter in range(32))}_{secrets.token_hex(4)}"
        identifier, now = self._store.next_id("token"), time.time()
        token = {"id": identifier, "account": account, "name": body["name"], "hash": _digest(key), "created": now}
        self._all[str(identifier)] = {**token, "expires": now + seconds if seconds else None}
        self._store.save()
        return {"id": identifier, "name": body["name"], "key": key}

    def delete(self, account: int, identifier: int) -> dict[str, Any]:
        """Remove one."""
        if self._all.get(str(identifier), {}).get("account") != account:
            raise ApiError(
                404, "service account token not found", statusCode=404, messageId="serviceaccounts.ErrTokenNotFound"
            )
        del self._all[str(identifier)]
        self._store.save()
        return {"message": "Service account token deleted"}

    def delete_all(self, account: int) -> None:
        """Remove those of a service account."""
        for token in self._of(account):
            del self._all[str(token["id"])]
        self._store.save()

    def _of(self, account: int) -> list[dict[str, Any]]:
        return [token for token in self._all.values() if token["account"] == account]


def _shown(token: dict[str, Any]) -> dict[str, Any]:
    expires = token["expires"]
    return {
        "id": token["id"],
        "name": token["name"],
        "created": written(token["created"]),
        "lastUsedAt": None,
        "expiration": written(expires) if expires else None,
        "secondsUntilExpiration": max(expires - time.time(), 0) if expires else 0,
        "hasExpired": _has_expired(token),
        "isRevoked": False,
    }


def _has_expired(token: dict[str, Any]) -> bool:
    return token["expires"] is not None and time.time() >= token["expires"]


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
