"""Service accounts, by numeric id."""

from __future__ import annotations

from typing import Any

from stand_in.errors import ApiError
from stand_in.moments import written
from stand_in.store import Store
from stand_in.tokens import Tokens

ROLES = ("Viewer", "Editor", "Admin", "None")


class ServiceAccounts:
    """The service accounts of the stand-in. Their ids and those of people are of one series."""

    def __init__(self, store: Store, tokens: Tokens) -> None:
        self._store = store
        self._tokens = tokens
        self._all: dict[str, dict[str, Any]] = store.state["service_accounts"]

    def search(self, query: str, size: int, page: int) -> dict[str, Any]:
        """Those whose name or login holds the query, one page of them."""
        wanted = query.lower()
        matches = [
            account for account in self._all.values() if wanted in account["name"].lower() or wanted in account["login"]
        ]
        shown = [
            {**_short(account), "tokens": self._tokens.count(account["id"])}
            for account in sorted(matches, key=lambda account: account["login"])
        ]
        return {
            "totalCount": len(matches),
            "serviceAccounts": shown[size * (page - 1) : size * page],
            "page": page,
            "perPage": size,
        }

    def get(self, identifier: int) -> dict[str, Any]:
        """One by id."""
        account = self._all.get(str(identifier))
        if account is None:
            raise ApiError(404, "service account not found", statusCode=404, messageId="serviceaccounts.ErrNotFound")
        return {**_short(account), "createdAt": account["createdAt"], "updatedAt": account["updatedAt"], "teams": None}

    def create(self, body: Any) -> dict[str, Any]:
        """Add one."""
        body = _checked(body)
        if not body.get("name"):
            raise ApiError(400, "Bad request data")
        login = f"sa-1-{body['name'].lower().replace(' ', '-')}"
        if any(account["login"] == login for account in self._all.values()):
            raise ApiError(
                400, "service account already exists", statusCode=400, messageId="serviceaccounts.ErrAlreadyExists"
            )
        identifier, now = self._store.next_id("user"), written()
        account = {"id": identifier, "name": body["name"], "login": login, "role": body.get("role") or "Viewer"}
        account = {**account, "isDisabled": bool(body.get("isDisabled")), "createdAt": now, "updatedAt": now}
        self._all[str(identifier)] = account
        self._store.save()
        return {**_short(account), "tokens": 0}

    def update(self, identifier: int, body: Any) -> dict[str, Any]:
        """Change what is given of name, role and isDisabled."""
        shown, body = self.get(identifier), _checked(body)
        given = {key: body[key] for key in ("name", "role", "isDisabled") if body.get(key) not in (None, "")}
        self._all[str(identifier)].update(given, updatedAt=written())
        self._store.save()
        shown = self.get(identifier)
        return {"id": identifier, "message": "Service account updated", "name": shown["name"], "serviceaccount": shown}

    def delete(self, identifier: int) -> dict[str, Any]:
        """Remove one with its tokens."""
        self.get(identifier)
        self._tokens.delete_all(identifier)
        del self._all[str(identifier)]
        self._store.save()
        return {"message": "Service account deleted"}


def _checked(body: Any) -> dict[str, Any]:
    if (
        not isinstance(body, dict)
        or (body.get("role") or "Viewer") not in ROLES
        or not isinstance(body.get("name") or "", str)
    ):
        raise ApiError(400, "Bad request data")
    return body


def _short(account: dict[str, Any]) -> dict[str, Any]:
    shown = {
        "id": account["id"],
        "uid": f"generated-{account['id']}",
        "name": account["name"],
        "login": account["login"],
        "orgId": 1,
    }
    return {**shown, "isDisabled": account["isDisabled"], "role": account["role"], "avatarUrl": ""}
