"""What of an exchange with Grafana matters to a client, in one form for recordings and for the stand-in's answers."""

from __future__ import annotations

import re
from typing import Any

GROUPS = ("health", "auth", "datasource", "folder", "dashboard", "org", "serviceaccount", "password", "bruteforce")
_ERROR = ("message", "messageId", "status")
_DATASOURCE = (
    *("uid", "name", "type", "access", "url", "user", "database", "basicAuth", "basicAuthUser", "withCredentials"),
    *("isDefault", "jsonData", "secureJsonFields", "version", "readOnly"),
)
_FOLDER = ("uid", "title", "url", "version", "parentUid")
_SAVED = ("uid", "url", "slug", "status", "version", "folderUid", "message", "title")
_META = ("slug", "url", "version", "isFolder", "folderUid", "folderTitle", "provisioned", "provisionedExternalId")
_HIT = (
    "uid",
    "orgId",
    "title",
    "uri",
    "url",
    "slug",
    "type",
    "tags",
    "isStarred",
    "folderUid",
    "folderTitle",
    "folderUrl",
    "isDeleted",
)
_ACCOUNT = ("id", "uid", "name", "login", "orgId", "isDisabled", "role", "tokens", "teams", "message")
_TOKEN = ("id", "name", "hasExpired", "isRevoked", "message")
_USER = ("id", "email", "login", "name", "orgId", "isGrafanaAdmin", "isDisabled", "message")

# Grafana makes up uids of 14 characters and, for dashboards, UUIDs; the stand-in counts.
_GENERATED = re.compile(r"\b([a-z]g53z\w{9}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|generated-\d+)\b")


def _pick(answer: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: answer[key] for key in keys if key in answer}


def compared_answer(method: str, path: str, status: int, answer: Any) -> dict[str, Any]:
    """The status and the fields that a client decides on; uids that the server made up are `<generated>`."""
    fields = _without_generated(_fields(method, path, status, answer))
    return {"status": status, "answer": sorted(fields, key=str) if isinstance(fields, list) else fields}


def _without_generated(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_generated(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_generated(element) for element in value]
    return _GENERATED.sub("<generated>", value) if isinstance(value, str) else value


def _fields(method: str, path: str, status: int, answer: Any) -> Any:
    if status >= 300:
        return _pick(answer, _ERROR) if isinstance(answer, dict) else {}
    if isinstance(answer, list):
        return [_pick(element, _list_keys(path)) for element in answer]
    if not isinstance(answer, dict):
        return {}
    if path.startswith("/api/datasources"):
        return _pick(answer.get("datasource", answer), _DATASOURCE)
    if path.startswith("/api/folders"):
        return _pick(answer, _FOLDER + ("message",))
    if "dashboard" in answer:
        model = {key: value for key, value in answer["dashboard"].items() if key != "id"}
        return {"meta": _pick(answer["meta"], _META), "dashboard": model}
    if path.startswith("/api/dashboards"):
        return _pick(answer, _SAVED)
    if path.startswith("/api/serviceaccounts"):
        return _account(path, answer)
    if path.startswith("/api/user"):
        return _pick(answer, _USER)
    return _pick(answer, ("database", "name", "message"))


def _list_keys(path: str) -> tuple[str, ...]:
    for start, keys in (("/api/datasources", _DATASOURCE), ("/api/search", _HIT), ("/api/serviceaccounts", _TOKEN)):
        if path.startswith(start):
            return keys
    return ("uid", "title", "parentUid")


def _account(path: str, answer: dict[str, Any]) -> dict[str, Any]:
    if "serviceAccounts" in answer:
        accounts = [_pick(account, _ACCOUNT) for account in answer["serviceAccounts"]]
        return {**_pick(answer, ("totalCount", "page", "perPage")), "serviceAccounts": accounts}
    if "serviceaccount" in answer:
        return {**_pick(answer, _ACCOUNT), "serviceaccount": _pick(answer["serviceaccount"], _ACCOUNT)}
    return {**_pick(answer, _TOKEN), "hasKey": "key" in answer} if "/tokens" in path else _pick(answer, _ACCOUNT)
