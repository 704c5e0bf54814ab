"""Datasources, by uid."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import requests

from stand_in import connection, plugins
from stand_in.encryption import Encryption
from stand_in.errors import ApiError
from stand_in.store import Store

_UID = re.compile(r"[a-zA-Z0-9_-]{0,40}")
_NOT_FOUND = "Data source not found"
_NEEDS_URL = ("prometheus", "loki")
_LOGOS = {"prometheus": "prometheus_logo.svg", "loki": "loki_icon.svg"}


class Datasources:
    """The datasources of the stand-in."""

    def __init__(self, store: Store, encryption: Encryption | None = None) -> None:
        self._store, self._encryption = store, encryption or Encryption(store, "")
        self._all: dict[str, dict[str, Any]] = store.state["datasources"]
        self._secrets: dict[str, dict[str, str]] = store.state["datasource_secrets"]

    def listed(self) -> list[dict[str, Any]]:
        """All of them, in the short form of the list."""
        hidden = ("basicAuthUser", "withCredentials", "secureJsonFields", "version", "apiVersion")
        short = [
            {key: value for key, value in datasource.items() if key not in hidden} for datasource in self._all.values()
        ]
        return sorted(short, key=lambda datasource: datasource["name"].lower())

    def get(self, uid: str) -> dict[str, Any]:
        """One by uid."""
        if uid not in self._all:
            raise ApiError(404, _NOT_FOUND)
        if not self._encryption.can_read(uid):
            return {**self._all[uid], "secureJsonFields": {}}
        return self._all[uid]

    def session(self, uid: str) -> requests.Session:
        """A session for requests to one, with what its settings and secrets ask for."""
        secrets = self._secrets.get(uid, {}) if self._encryption.can_read(uid) else {}
        return connection.session(self.get(uid), secrets)

    def by_name(self, name: str) -> dict[str, Any]:
        """One by name."""
        return self._first("name", name)

    def by_id(self, identifier: int) -> dict[str, Any]:
        """One by numeric id."""
        return self._first("id", identifier)

    def _first(self, key: str, value: Any) -> dict[str, Any]:
        for datasource in self._all.values():
            if datasource[key] == value:
                return datasource
        raise ApiError(404, _NOT_FOUND)

    def create(self, body: Any) -> dict[str, Any]:
        """Add one."""
        body = _checked(body, ("type", "access"))
        name, uid = body.get("name") or body["type"], body.get("uid") or ""
        if not _UID.fullmatch(uid):
            raise ApiError(400, "Invalid datasource UID.", statusCode=400, messageId="datasource.uidInvalid")
        if len(name) > 190:
            raise ApiError(400, "Invalid datasource name.", statusCode=400, messageId="datasource.nameInvalid")
        if body.get("url"):
            _check_url(body["url"])
        if any(datasource["name"] == name for datasource in self._all.values()):
            raise ApiError(409, "data source with the same name already exists")
        if uid in self._all:
            raise ApiError(409, "data source with the same uid already exists")
        if body.get("secureJsonData") and not self._encryption.can_encrypt():
            raise ApiError(500, "Failed to add datasource")
        identifier = self._store.next_id("datasource")
        uid = uid or f"generated-{identifier}"
        first = not self._all
        made = _model({**body, "name": name}, {}, identifier, uid)
        made["isDefault"] = bool(body.get("isDefault")) or first
        self._put(made, body)
        return {"datasource": made, "id": identifier, "message": "Datasource added", "name": name}

    def update(self, uid: str, body: Any) -> dict[str, Any]:
        """Replace one; its secrets are merged."""
        body = _checked(body, ("name", "type", "access"))
        existing_datasource = self.get(uid)
        if existing_datasource["readOnly"]:
            raise ApiError(403, "Cannot update read-only data source")
        if body["type"] in _NEEDS_URL or body.get("url"):
            _check_url(body.get("url") or "")
        if body.get("uid") not in (None, "", uid) or not self._encryption.can_read(uid):
            raise ApiError(500, "Failed to update datasource")
        if body.get("secureJsonData") and not self._encryption.can_encrypt():
            raise ApiError(500, "Failed to update datasource")
        if any(datasource["name"] == body["name"] for datasource in self._all.values() if datasource["uid"] != uid):
            raise ApiError(409, "Failed to update datasource: data source with the same name already exists")
        version = body.get("version") or 0
        if version and version < existing_datasource["version"]:
            raise ApiError(409, "Datasource has already been updated by someone else. Please reload and try again")
        changed = _model(body, existing_datasource, existing_datasource["id"], uid)
        changed["version"] = version + 1 if version else 1
        self._put(changed, body)
        return {
            "datasource": changed,
            "id": existing_datasource["id"],
            "message": "Datasource updated",
            "name": changed["name"],
        }

    def delete(self, datasource: dict[str, Any]) -> dict[str, Any]:
        """Remove one."""
        if datasource["readOnly"]:
            raise ApiError(403, "Cannot delete read-only data source")
        del self._all[datasource["uid"]]
        self._secrets.pop(datasource["uid"], None)
        self._encryption.removed(datasource["uid"])
        self._store.save()
        return {"id": datasource["id"], "message": "Data source deleted"}

    def _put(self, datasource: dict[str, Any], body: dict[str, Any]) -> None:
        if datasource["isDefault"]:
            for other in self._all.values():
                other["isDefault"] = False
        self._all[datasource["uid"]] = datasource
        merged = {**self._secrets.get(datasource["uid"], {}), **(body.get("secureJsonData") or {})}
        self._secrets[datasource["uid"]] = {key: value for key, value in merged.items() if value}
        if body.get("secureJsonData"):
            self._encryption.encrypted(datasource["uid"])
        self._store.save()


def _checked(body: Any, required: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(body, dict) or not all(body.get(key) for key in required):
        raise ApiError(400, "bad request data")
    if not all(isinstance(body.get(key) or "", str) for key in ("name", "type", "url", "uid")):
        raise ApiError(400, "bad request data")
    return body


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        valid = bool(parts.netloc or parts.path) and " " not in url
    except ValueError:
        valid = False
    if not valid:
        raise ApiError(400, "Validation error, invalid URL")


def _model(body: dict[str, Any], existing_datasource: dict[str, Any], identifier: int, uid: str) -> dict[str, Any]:
    """A datasource as the server keeps it. An empty url and an empty basicAuthUser do not replace the stored ones, as
    in the real one.
    """
    fields = {key for key, is_set in existing_datasource.get("secureJsonFields", {}).items() if is_set}
    for key, value in (body.get("secureJsonData") or {}).items():
        (fields.add if value else fields.discard)(key)
    kind = plugins.datasource_type(body["type"])
    logo = f"public/plugins/{kind}/img/{_LOGOS[kind]}" if kind in _LOGOS else "public/img/icn-datasource.svg"
    return {
        "id": identifier,
        "uid": uid,
        "orgId": 1,
        "name": body["name"],
        "type": kind,
        "typeLogoUrl": logo,
        "access": body["access"],
        "url": body.get("url") or existing_datasource.get("url", ""),
        "user": body.get("user") or "",
        "database": body.get("database") or "",
        "basicAuth": bool(body.get("basicAuth")),
        "basicAuthUser": body.get("basicAuthUser") or existing_datasource.get("basicAuthUser", ""),
        "withCredentials": bool(body.get("withCredentials")),
        "isDefault": bool(body.get("isDefault")),
        "jsonData": body.get("jsonData") or {},
        "secureJsonFields": dict.fromkeys(sorted(fields), True),
        "version": 1,
        "readOnly": False,
        "apiVersion": "",
    }
