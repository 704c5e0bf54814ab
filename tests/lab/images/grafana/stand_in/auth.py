"""Basic authentication of the one administrator, with Grafana's guard against guessing: five wrong tries in five minutes lock the login."""

from __future__ import annotations

import hashlib
import secrets
import time

from flask import Request

from stand_in.errors import ApiError
from stand_in.store import Store

TRIES = 5
WINDOW_SECONDS = 300


class Auth:
    """The administrator `user`, whose password is taken at the first start only."""

    def __init__(self, store: Store, user: str, password: str) -> None:
        self._user = user
        self._store = store
        self._wrong: dict[str, list[float]] = {}
        if store.state["password"] is None:
            salt = secrets.token_hex(16)
            store.state["password"] = {"salt": salt, "hash": _digest(password, salt)}
            store.save()

    def check(self, request: Request) -> None:
        """Raise the answer of a real server where the request is not the administrator's."""
        header = request.headers.get("Authorization", "")
        if header.startswith("Bearer "):
            raise ApiError(401, "Invalid API key", extra=None, messageId="api-key.invalid", statusCode=401, traceID="")
        given = request.authorization
        if given is None or given.type != "basic":
            raise ApiError(401, "Unauthorized", extra=None, messageId="auth.unauthorized", statusCode=401, traceID="")
        self.log_in(given.username or "", given.password or "")

    def log_in(self, user: str, password: str) -> None:
        """Raise the answer of a real server where user and password are not right, or the login is locked."""
        now = time.monotonic()
        wrong = [moment for moment in self._wrong.get(user, []) if now - moment < WINDOW_SECONDS]
        kept = self._store.state["password"]
        right = user == self._user and secrets.compare_digest(_digest(password, kept["salt"]), kept["hash"])
        if right and len(wrong) < TRIES:
            return
        self._wrong[user] = wrong + [now]
        raise ApiError(401, "Invalid username or password", extra=None, messageId="password-auth.failed", statusCode=401, traceID="")


def _digest(password: str, salt: str) -> str:
    return hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), n=1024, r=8, p=1).hex()
