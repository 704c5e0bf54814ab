"""What a caller may do: each route needs a permission, which a role has."""

from __future__ import annotations

import re

from stand_in.auth import Caller
from stand_in.errors import ApiError

_RANKS = {"Viewer": 1, "Editor": 2, "Admin": 3}
_SERVER_ADMIN = "server admin"
# Method, path, permission and the lowest role that has it; the first line that fits counts.
_RULES = (
    ("GET|POST", "/api/(ds/query|datasources/proxy/.*|datasources/uid/[^/]+/health)", "datasources:query", "Viewer"),
    ("GET", "/api/datasources/id/.*", "datasources.id:read", "Viewer"),
    ("GET", "/api/datasources.*", "datasources:read", "Viewer"),
    ("POST", "/api/datasources", "datasources:create", "Admin"),
    ("PUT", "/api/datasources/.*", "datasources:write", "Admin"),
    ("DELETE", "/api/datasources/.*", "datasources:delete", "Admin"),
    ("GET", "/api/folders.*", "folders:read", "Viewer"),
    ("POST", "/api/folders", "folders:create", "Editor"),
    ("POST|PUT", "/api/folders/.*", "folders:write", "Editor"),
    ("DELETE", "/api/folders/.*", "folders:delete", "Editor"),
    ("GET", "/api/library-elements.*", "library.panels:read", "Viewer"),
    ("POST", "/api/library-elements", "library.panels:create", "Editor"),
    ("DELETE", "/api/library-elements/.*", "library.panels:delete", "Editor"),
    ("GET", "/api/(dashboards/.*|search)", "dashboards:read", "Viewer"),
    ("POST", "/api/dashboards/db", "any of dashboards:create, dashboards:write", "Editor"),
    ("DELETE", "/api/dashboards/.*", "dashboards:delete", "Editor"),
    ("GET", "/api/org", "orgs:read", "Viewer"),
    ("GET", "/api/serviceaccounts/.*", "serviceaccounts:read", "Admin"),
    ("POST", "/api/serviceaccounts", "serviceaccounts:create", "Admin"),
    ("DELETE", r"/api/serviceaccounts/\d+", "serviceaccounts:delete", "Admin"),
    ("POST|PATCH|DELETE", "/api/serviceaccounts/.*", "serviceaccounts:write", "Admin"),
    ("PUT", "/api/admin/users/.*", "users.password:write", _SERVER_ADMIN),
    ("POST", "/api/admin/encryption/.*", "server admin", _SERVER_ADMIN),
)


def check(caller: Caller, method: str, path: str) -> None:
    """Raise the answer of a real server where the caller lacks the permission that a route needs."""
    for methods, pattern, permission, role in _RULES:
        if method in methods.split("|") and re.fullmatch(pattern, path):
            has = caller.server_admin if role == _SERVER_ADMIN else _RANKS.get(caller.role, 0) >= _RANKS[role]
            if not has:
                raise _denied(permission)
            return


def granted(caller: Caller) -> dict[str, list[str]]:
    """The permissions of a caller with their scopes, which are always all objects here."""
    names: set[str] = set()
    for _methods, _path, permission, role in _RULES:
        if caller.server_admin if role == _SERVER_ADMIN else _RANKS.get(caller.role, 0) >= _RANKS[role]:
            names |= set(permission.removeprefix("any of ").split(", "))
    return {name: ["*"] for name in sorted(names)}


def check_hidden(caller: Caller, permission: str) -> None:
    """Raise the answer for a missing object: only an account that may read all objects of the kind gets 404."""
    if caller.role != "Admin":
        raise _denied(permission)


def _denied(permission: str) -> ApiError:
    message = f"You'll need additional permissions to perform this action. Permissions needed: {permission}"
    return ApiError(403, message, title="Access denied", accessErrorId="ACE0000000000")
