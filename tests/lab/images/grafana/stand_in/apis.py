"""The API below /apis, as far as it shows and sets which tool manages an object."""

from __future__ import annotations

from typing import Any

from flask import Flask

from stand_in.dashboards import Dashboards
from stand_in.errors import ApiError
from stand_in.folders import Folders
from stand_in.payload import body
from stand_in.store import Store

VERSIONS = {"dashboard.grafana.app": ("v1beta1", "v0alpha1", "v2beta1"), "folder.grafana.app": ("v1beta1",)}
NAMESPACE = "default"
_FOLDER = "grafana.app/folder"


def add_apis_routes(app: Flask, store: Store, dashboards: Dashboards, folders: Folders) -> None:
    """Add the routes."""
    annotations: dict[str, dict[str, str]] = store.state["annotations"]

    @app.get("/apis")
    def groups() -> Any:
        return {"kind": "APIGroupList", "groups": [_group(name, versions) for name, versions in VERSIONS.items()]}

    @app.post(f"/apis/<group>/<version>/namespaces/{NAMESPACE}/<kind>s")
    def create(group: str, version: str, kind: str) -> Any:
        _check(group, version, kind)
        given = body() or {}
        metadata = given["metadata"]
        named = metadata.get("annotations") or {}
        if kind == "dashboard" and version.startswith("v2"):
            dashboards.save_v2(metadata["name"], given["spec"], named.get(_FOLDER, ""), version)
        elif kind == "dashboard":
            model = {**given["spec"], "uid": metadata["name"]}
            dashboards.save({"dashboard": model, "folderUid": named.get(_FOLDER, "")})
        else:
            folders.create(
                {"uid": metadata["name"], "title": given["spec"]["title"], "parentUid": named.get(_FOLDER, "")}
            )
        annotations[f"{kind}/{metadata['name']}"] = named
        store.save()
        return _shown(group, version, kind, metadata["name"], {"metadata": {"annotations": named}}), 201

    @app.put(f"/apis/<group>/<version>/namespaces/{NAMESPACE}/<kind>s/<uid>")
    def replace(group: str, version: str, kind: str, uid: str) -> Any:
        return create(group, version, kind)[0]

    @app.get(f"/apis/<group>/<version>/namespaces/{NAMESPACE}/<kind>s/<uid>")
    def get(group: str, version: str, kind: str, uid: str) -> Any:
        _check(group, version, kind)
        kept = dashboards.resource(uid) if kind == "dashboard" else {"metadata": {}, "spec": folders.get(uid)}
        named = {**annotations.get(f"{kind}/{uid}", {}), **kept["metadata"].get("annotations", {})}
        return _shown(group, version, kind, uid, {**kept, "metadata": {**kept["metadata"], "annotations": named}})


def _group(name: str, versions: tuple[str, ...]) -> dict[str, Any]:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _check(group: str, version: str, kind: str) -> None:
    if version not in VERSIONS.get(group, ()) or group != f"{kind}.grafana.app":
        raise ApiError(404, "the server could not find the requested resource")


def _shown(group: str, version: str, kind: str, uid: str, kept: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": uid, "namespace": NAMESPACE, **kept["metadata"]}
    return {
        "kind": kind.title(),
        "apiVersion": f"{group}/{version}",
        "metadata": metadata,
        "spec": kept.get("spec", {}),
    }
