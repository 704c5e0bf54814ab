# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What has to be done to one datasource. Grafana never gives secrets back, only the names of those that are set. Pure."""

from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import compare
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change

OWNER_KEY = "ansibleOwner"
SECRETS_VERSION_KEY = "ansibleSecretsVersion"
# Two names of one plugin (Grafana 10.3 and newer know the second).
_ALIASES = {"postgres": "grafana-postgresql-datasource"}
_OPTIONS = {"url": "url", "user": "user", "database": "database", "basic_auth_user": "basicAuthUser", "is_default": "isDefault"}
# What a PUT resets where it is left out.
_REPEATED = (
    *("name", "type", "url", "access", "user", "database", "basicAuth", "basicAuthUser"),
    *("withCredentials", "isDefault", "jsonData", "version"),
)


def change(item: dict[str, Any], there: Optional[dict[str, Any]], names: dict[str, str], owner: Optional[str]) -> Change:
    """The change; `names` maps the names of all datasources to their uids."""
    uid = item["uid"]
    found = Change("datasource", uid, item["name"] or (there or {}).get("name") or uid, item, path=f"/connections/datasources/edit/{uid}")
    if item["state"] == "absent":
        if there:
            found.action, found.before = "deleted", {"name": there["name"], "type": there["type"]}
    else:
        _compare(found, there, _wanted(item, owner))
    if not found.changed:
        return found
    found.error = read_only(uid, there or {})
    if not found.error and item["state"] == "present" and names.get(item["name"], uid) != uid:
        taken = names[item["name"]]
        found.error = f"datasource '{uid}': the server has another one named '{item['name']}', with the uid '{taken}'. Give that uid, or another name."
    return found


def read_only(uid: str, there: dict[str, Any]) -> str:
    """What stands against a change of the datasource, if anything does."""
    if not there.get("readOnly"):
        return ""
    return f"datasource '{uid}': it comes from a provisioning file of the server and cannot be changed over the API. Change it there."


def _wanted(item: dict[str, Any], owner: Optional[str]) -> dict[str, Any]:
    wanted: dict[str, Any] = {"name": item["name"], "type": item["type"], "access": item["access"]}
    wanted.update({key: item[option] for option, key in _OPTIONS.items() if item[option] is not None})
    if item["basic_auth_user"] is not None:
        wanted["basicAuth"] = True
    marks = {OWNER_KEY: owner, SECRETS_VERSION_KEY: item["secrets_version"]}
    wanted["jsonData"] = {**item["json_data"], **{key: value for key, value in marks.items() if value is not None}}
    return wanted


def _compare(found: Change, there: Optional[dict[str, Any]], wanted: dict[str, Any]) -> None:
    item = found.item
    if there and _ALIASES.get(wanted["type"], wanted["type"]) == _ALIASES.get(there["type"], there["type"]):
        wanted["type"] = there["type"]
    secrets = _secrets(item, there)
    if there and not secrets and compare.includes(there, wanted):
        return
    found.before = _shown(there, wanted, item, {}) if there else {}
    found.after = _shown(compare.merged(there or {}, wanted), wanted, item, secrets)
    found.action = "created" if not there else "renamed" if _differing(found) == ["name"] else "updated"
    repeated = {key: there[key] for key in _REPEATED if key in there} if there else {}
    found.body = {**compare.merged(repeated, wanted), "uid": found.uid}
    if secrets:
        found.body["secureJsonData"] = {key: item["secure_json_data"][key] or "" for key in secrets}


def _secrets(item: dict[str, Any], there: Optional[dict[str, Any]]) -> dict[str, str]:
    """What is done to which secret: set where it is missing, rotated where secrets_version changes, removed where it is null."""
    have = _names_of_secrets(there)
    version = ((there or {}).get("jsonData") or {}).get(SECRETS_VERSION_KEY)
    rotate = item["secrets_version"] is not None and item["secrets_version"] != version
    actions = {}
    for key, value in item["secure_json_data"].items():
        if value is None:
            if key in have:
                actions[key] = "<removed>"
        elif key not in have:
            actions[key] = "<set>"
        elif rotate:
            actions[key] = "<rotated>"
    return actions


def _names_of_secrets(there: Optional[dict[str, Any]]) -> set[str]:
    return {key for key, is_set in ((there or {}).get("secureJsonFields") or {}).items() if is_set}


def _shown(there: dict[str, Any], wanted: dict[str, Any], item: dict[str, Any], secrets: dict[str, str]) -> dict[str, Any]:
    """A datasource for a diff: what is asked for, and of secrets only what is done to them."""
    shown = {key: there.get(key) for key in wanted if key != "jsonData"}
    stored = there.get("jsonData") or {}
    shown["jsonData"] = {key: stored[key] for key in wanted["jsonData"] if key in stored}
    have = _names_of_secrets(there)
    marks = {key: secrets.get(key, "<set>") for key in sorted(item["secure_json_data"]) if key in have or key in secrets}
    return {**shown, **({"secureJsonData": marks} if marks else {})}


def _differing(found: Change) -> list[str]:
    return [key for key in {**found.before, **found.after} if found.before.get(key) != found.after.get(key)]
