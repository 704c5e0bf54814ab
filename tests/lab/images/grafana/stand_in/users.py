"""People, who log in with a password."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from stand_in.errors import ApiError
from stand_in.store import Store

SHORTEST_PASSWORD = 4


class Users:
    """The people of the stand-in, by login. Passwords are kept as salted hashes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._all: dict[str, dict[str, Any]] = store.state["users"]

    def add(
        self, login: str, password: str, role: str, name: str = "", email: str = "", server_admin: bool = False
    ) -> None:
        """Add one."""
        user = {"id": self._store.next_id("user"), "login": login, "name": name, "email": email or login, "role": role}
        self._all[login] = {**user, "serverAdmin": server_admin}
        self._set_password(self._all[login], password)

    def add_administrator(self, login: str, password: str) -> None:
        """Add the administrator if missing; the login and password of a later start do not count."""
        if not any(user["serverAdmin"] for user in self._all.values()):
            self.add(login, password, "Admin", email=f"{login}@localhost", server_admin=True)

    def get(self, login: str) -> dict[str, Any]:
        """One by login."""
        return self._all[login]

    def shown(self, login: str) -> dict[str, Any]:
        """One as /api/user shows it."""
        user = self._all[login]
        shown = {
            "id": user["id"],
            "uid": f"generated-{user['id']}",
            "email": user["email"],
            "name": user["name"],
            "login": login,
            "orgId": 1,
        }
        return {**shown, "isGrafanaAdmin": user["serverAdmin"], "isDisabled": False, "isExternal": False}

    def knows(self, login: str, password: str) -> bool:
        """Whether there is one of this login with this password."""
        if login not in self._all:
            return False
        kept = self._all[login]["password"]
        return secrets.compare_digest(_digest(password, kept["salt"]), kept["hash"])

    def change_own_password(self, login: str, body: Any) -> dict[str, Any]:
        """Change one's own; the server does not compare newPassword with confirmNew."""
        if not isinstance(body, dict):
            raise ApiError(400, "bad request data")
        if not self.knows(login, str(body.get("oldPassword") or "")):
            raise ApiError(400, "Invalid old password", statusCode=400, messageId="user.password-missmatch")
        password = str(body.get("newPassword") or "")
        if len(password) < SHORTEST_PASSWORD:
            raise ApiError(
                400, "New password is too short", statusCode=400, messageId="password.password-policy-too-short"
            )
        self._set_password(self._all[login], password)
        return {"message": "User password changed"}

    def change_password(self, identifier: int, body: Any) -> str:
        """Change somebody's, and say whose."""
        password = body.get("password") if isinstance(body, dict) else None
        if not isinstance(password, str) or not password:
            raise ApiError(400, "bad request data")
        user = next((user for user in self._all.values() if user["id"] == identifier), None)
        if user is None or len(password) < SHORTEST_PASSWORD:
            raise ApiError(500, "Failed to update user password")
        self._set_password(user, password)
        return user["login"]

    def _set_password(self, user: dict[str, Any], password: str) -> None:
        salt = secrets.token_hex(16)
        user["password"] = {"salt": salt, "hash": _digest(password, salt)}
        self._store.save()


def _digest(password: str, salt: str) -> str:
    return hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), n=1024, r=8, p=1).hex()
