# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Receivers of Alertmanager, with the short forms of the role made into integrations. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.alertmanager_integrations import NTFY, SHORT_FORMS

Settings = dict[str, Any]

# The templates are in roles/alertmanager/files/gpu-monitoring.tmpl.
_TITLE = '{{ template "gpu_monitoring.title" . }}'
_TEXT = '{{ template "gpu_monitoring.text" . }}'
# Alertmanager reads a rendered text of a payload as YAML, so `GPU 3: Xid 79` would become a mapping unless the text is
# JSON.
_JSON_TITLE = '{{ template "gpu_monitoring.json_title" . }}'
_JSON_TEXT = '{{ template "gpu_monitoring.json_text" . }}'
_PAGERDUTY_SEVERITY = (
    '{{ if eq .CommonLabels.severity "page" }}critical'
    '{{ else if eq .CommonLabels.severity "info" }}info{{ else }}warning{{ end }}'
)
# https://docs.ntfy.sh/publish/#message-priority: 5 is the highest, 3 the default.
_NTFY_PRIORITY = '{{ if and (eq .Status "firing") (eq .CommonLabels.severity "page") }}5{{ else }}3{{ end }}'
# Of these Alertmanager takes one.
_LOGINS = ("authorization", "basic_auth", "bearer_token_file", "oauth2")
_NTFY_TAG = '{{ if eq .Status "firing" }}rotating_light{{ else }}white_check_mark{{ end }}'
# What the short forms set beside the settings that they are given.
_DEFAULTS: Mapping[str, Settings] = {
    "email": {"text": _TEXT, "html": ""},
    "slack": {"title": _TITLE, "text": _TEXT},
    "teams": {"title": _TITLE, "text": _TEXT},
    "webhook": {},
    "pagerduty": {"description": _TITLE, "severity": _PAGERDUTY_SEVERITY, "details": {"text": _JSON_TEXT}},
    # Without a parse mode, Telegram takes the text as it is.
    "telegram": {"parse_mode": "", "message": f"{_TITLE}\n\n{_TEXT}"},
}


def expanded(receiver: Mapping[str, Any], send_resolved: bool = True, http_config: Any = None) -> Settings:
    """A receiver in Alertmanager's own form. `send_resolved` is the value for integrations that do not set it.

    `http_config` is that of `global`, which Alertmanager does not add to one of an integration.
    """
    defaults = {**_DEFAULTS, "ntfy": {"http_config": http_config}}
    made: Settings = {}
    for key, value in receiver.items():
        if key in SHORT_FORMS:
            convert = _CONVERTERS.get(key, _as_given)
            configs = [convert({**defaults[key], "send_resolved": send_resolved, **entry}) for entry in entries(value)]
            made.setdefault(f"{SHORT_FORMS[key]}_configs", []).extend(configs)
        elif key.endswith("_configs"):
            common = {} if send_resolved else {"send_resolved": False}
            made.setdefault(key, []).extend({**common, **entry} for entry in value)
        else:
            made[key] = value
    return made


def entries(value: Any) -> Sequence[Mapping[str, Any]]:
    """The integrations of a short form, which is one or a list of several."""
    return [value] if isinstance(value, Mapping) else value


def _as_given(entry: Settings) -> Settings:
    return entry


def _email(entry: Settings) -> Settings:
    """Alertmanager takes the name of a header in upper and lower case, and refuses the same header twice."""
    recipients, headers = entry["to"], entry.get("headers") or {}
    subject = {} if "subject" in [str(name).lower() for name in headers] else {"Subject": _TITLE}
    return {
        **entry,
        "to": recipients if isinstance(recipients, str) else ", ".join(recipients),
        "headers": {**subject, **headers},
    }


def _telegram(entry: Settings) -> Settings:
    """Alertmanager takes the number of a chat as a number alone, and templates often give text."""
    return {**entry, "chat_id": int(entry["chat_id"])} if "chat_id" in entry else entry


def _ntfy(entry: Settings) -> Settings:
    """A message in the form of https://docs.ntfy.sh/publish/#publish-as-json."""
    login, given = _login(entry), entry["http_config"] if isinstance(entry["http_config"], Mapping) else {}
    http_config = {**{name: value for name, value in given.items() if not login or name not in _LOGINS}, **login}
    payload = {
        "topic": f"{{{{ {_go_string(entry['topic'])} | toJson }}}}",
        "title": _JSON_TITLE,
        "message": _JSON_TEXT,
        "priority": entry.get("priority", _NTFY_PRIORITY),
        "tags": [_NTFY_TAG],
        "click": "{{ .ExternalURL | toJson }}",
    }
    others = {key: value for key, value in entry.items() if key not in NTFY or key == "send_resolved"}
    return {"url": entry["url"], **({"http_config": http_config} if http_config else {}), "payload": payload, **others}


def _login(entry: Settings) -> Settings:
    if "token_file" in entry:
        return {"authorization": {"type": "Bearer", "credentials_file": entry["token_file"]}}
    if "password_file" in entry:
        return {"basic_auth": {"username": entry["username"], "password_file": entry["password_file"]}}
    return {}


def _go_string(text: str) -> str:
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_CONVERTERS: Mapping[str, Callable[[Settings], Settings]] = {"email": _email, "telegram": _telegram, "ntfy": _ntfy}
