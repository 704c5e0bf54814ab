# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The change of one datasource. Grafana never gives secrets back, only the names of those that are set. Pure.
"""

from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import (
    answers,
    compare,
    datasource_types,
    declared,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change

OWNER_KEY = "ansibleOwner"
SECRETS_VERSION_KEY = "ansibleSecretsVersion"
SECRET_KEY_KEY = "ansibleSecretKey"
# Followed by a number that the name and the value of a header have in common.
_HEADER_NAME, _HEADER_VALUE = "httpHeaderName", "httpHeaderValue"
# What a PUT resets if it is left out.
_REPEATED = (
    *("name", "type", "url", "access", "user", "database", "basicAuth", "basicAuthUser"),
    *("withCredentials", "isDefault", "jsonData", "version"),
)


def change(
    item: declared.Datasource,
    stored: Optional[answers.Datasource],
    names: dict[str, str],
    owner: Optional[str],
    secret_key: Optional[str] = None,
) -> Change:
    """The change; `names` maps the names of all datasources to their uids, `secret_key` identifies Grafana's key."""
    uid, name = item["uid"], item["name"] or (stored or {}).get("name") or item["uid"]
    planned = Change("datasource", uid, name, item, path=f"/connections/datasources/edit/{uid}")
    if item["state"] == "absent":
        if stored:
            planned.action, planned.before = "deleted", {"name": stored["name"], "type": stored["type"]}
    else:
        planned.recreate = lost_key(stored, secret_key) and any(item["secure_json_data"].values())
        _compare(planned, item, stored, _wanted(item, owner, secret_key))
    if not planned.changed:
        return planned
    planned.error = read_only(uid, stored)
    if not planned.error and item["state"] == "present" and names.get(name, uid) != uid:
        planned.error = (
            f"datasource '{uid}': the server has another one named '{name}', with the uid '{names[name]}'."
            " Give that uid, or another name."
        )
    return planned


def read_only(uid: str, stored: Optional[answers.Datasource]) -> str:
    """What stands against a change of the datasource, if anything does."""
    if not (stored or {}).get("readOnly"):
        return ""
    return (
        f"datasource '{uid}': it comes from a provisioning file of the server and cannot be changed over the API."
        " Change it there."
    )


def repeated(stored: answers.Datasource) -> Json:
    """Parts of the stored datasource that a PUT must repeat to keep them."""
    return {key: value for key, value in stored.items() if key in _REPEATED}


def lost_key(stored: Optional[answers.Datasource], secret_key: Optional[str]) -> bool:
    """Whether the secrets were stored under another key, so that Grafana can neither read nor update them."""
    stored_under = ((stored or {}).get("jsonData") or {}).get(SECRET_KEY_KEY)
    return None not in (stored_under, secret_key) and stored_under != secret_key


def _wanted(item: declared.Datasource, owner: Optional[str], secret_key: Optional[str]) -> Json:
    wanted: Json = {"name": item["name"], "type": item["type"], "access": item["access"]}
    optional = {
        "url": item["url"],
        "user": item["user"],
        "database": item["database"],
        # Grafana keeps the name of a user if an empty one is sent, so that only basicAuth can be compared.
        "basicAuthUser": item["basic_auth_user"] or None,
        "isDefault": item["is_default"],
    }
    wanted.update({key: value for key, value in optional.items() if value is not None})
    if item["basic_auth_user"] is not None:
        wanted["basicAuth"] = bool(item["basic_auth_user"])
    marks = {OWNER_KEY: owner, SECRETS_VERSION_KEY: item["secrets_version"]}
    if any(item["secure_json_data"].values()):
        marks[SECRET_KEY_KEY] = secret_key
    wanted["jsonData"] = {**item["json_data"], **{key: value for key, value in marks.items() if value is not None}}
    return wanted


def _compare(planned: Change, item: declared.Datasource, stored: Optional[answers.Datasource], wanted: Json) -> None:
    if stored and datasource_types.same_plugin(wanted["type"], stored["type"]):
        wanted["type"] = stored["type"]
    secrets = _secrets(item, stored, planned.recreate)
    if stored and not secrets and compare.includes(stored, wanted):
        return
    planned.before = _shown(stored, wanted, item, {}) if stored else {}
    planned.after = _shown(compare.merged(stored or {}, wanted), wanted, item, secrets)
    planned.action = "created" if not stored else "renamed" if _differing(planned) == ["name"] else "updated"
    repeated_of_stored = repeated(stored or {})
    if planned.recreate:
        repeated_of_stored.pop("version", None)
    planned.body = {**compare.merged(repeated_of_stored, wanted), "uid": planned.uid}
    if secrets:
        planned.body["secureJsonData"] = {key: item["secure_json_data"][key] or "" for key in secrets}


def _secrets(item: declared.Datasource, stored: Optional[answers.Datasource], recreate: bool) -> dict[str, str]:
    """What is done to which secret: set if it is missing, removed if null.

    Rotated if secrets_version changes, or the user or header that the secret belongs to.
    """
    have = _names_of_secrets(stored or {})
    version = ((stored or {}).get("jsonData") or {}).get(SECRETS_VERSION_KEY)
    rotate = recreate or (item["secrets_version"] is not None and item["secrets_version"] != version)
    actions = {}
    for key, value in item["secure_json_data"].items():
        if value is None:
            if key in have:
                actions[key] = "<removed>"
        elif key not in have:
            actions[key] = "<set>"
        elif rotate or _belongs_to_another(key, item, stored or {}):
            actions[key] = "<rotated>"
    return actions


def _belongs_to_another(key: str, item: declared.Datasource, stored: answers.Datasource) -> bool:
    """Whether the stored secret is of another user or header than the one that is asked for."""
    wanted: Optional[Any] = None
    have: Optional[Any] = None
    if key == "basicAuthPassword":
        wanted, have = item["basic_auth_user"], stored.get("basicAuthUser")
    elif key == "password":
        wanted, have = item["user"], stored.get("user")
    elif key.startswith(_HEADER_VALUE):
        name = _HEADER_NAME + key[len(_HEADER_VALUE) :]
        wanted, have = item["json_data"].get(name), (stored.get("jsonData") or {}).get(name)
    return bool(wanted) and wanted != have


def _names_of_secrets(datasource: Mapping[str, Any]) -> set[str]:
    return {key for key, is_set in (datasource.get("secureJsonFields") or {}).items() if is_set}


def _shown(datasource: Mapping[str, Any], wanted: Json, item: declared.Datasource, secrets: dict[str, str]) -> Json:
    """A datasource for a diff: what is asked for, and of secrets only what is done to them."""
    shown = {key: datasource.get(key) for key in wanted if key != "jsonData"}
    settings = datasource.get("jsonData") or {}
    shown["jsonData"] = {key: settings[key] for key in wanted["jsonData"] if key in settings}
    have = _names_of_secrets(datasource)
    marks = {
        key: secrets.get(key, "<set>") for key in sorted(item["secure_json_data"]) if key in have or key in secrets
    }
    return {**shown, **({"secureJsonData": marks} if marks else {})}


def _differing(planned: Change) -> list[str]:
    before, after = planned.before, planned.after
    return [key for key in {**before, **after} if before.get(key) != after.get(key)]
