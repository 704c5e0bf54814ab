# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Receivers of Alertmanager that would not work. Secrets are in alertmanager_secrets. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import public_url
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.alertmanager_configuration import NOBODY
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.alertmanager_integrations import (
    NTFY,
    NTFY_SECRETS,
    SHORT_FORMS,
)
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.alertmanager_receivers import entries

Problem = tuple[str, str]
# What an integration cannot do without, each with an example.
_REQUIRED: Mapping[str, Mapping[str, str]] = {
    "email": {"to": "oncall@example.com"},
    "ntfy": {"url": "https://ntfy.example.com", "topic": "gpu-alerts"},
}
# What an e-mail needs, of the integration itself or of `global`.
_OF_MAIL = {"smarthost": "mail.example.com:587", "from": "alerts@example.com"}
_WITH_PORT = re.compile(r"(\[[^\[\]@]*\]|[^:\[\]@]*):[^:@]+")


def problems(receivers: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Each problem with its fix; `settings` are those of `global`."""
    names: list[str] = []
    for index, receiver in enumerate(receivers):
        name = receiver.get("name")
        if not isinstance(name, str) or not name:
            yield f"[{index}] has no name", "Write it like {name: oncall, email: {to: oncall@example.com}}"
        elif name in names:
            yield f"the receiver {name} is declared twice", "Give each receiver its own name"
        elif name == NOBODY and set(receiver) - {"name", "labels"}:
            problem = f"the receiver {NOBODY} has an integration, and the role has a receiver {NOBODY} without one"
            yield problem, "Choose another name"
        else:
            names.append(name)
            for key, value in receiver.items():
                yield from _of_integration(name, str(key), value, settings)


def _of_integration(receiver: str, key: str, value: Any, settings: Mapping[str, Any]) -> Iterator[Problem]:
    place = f"{receiver}.{key}"
    if key in ("name", "labels"):
        return
    if key not in SHORT_FORMS and not key.endswith("_configs"):
        fix = f"Use {', '.join(SHORT_FORMS)}, or an integration of Alertmanager such as slack_configs"
        yield f"{place} is not an integration", fix
    elif not isinstance(value, list) and not (isinstance(value, Mapping) and key in SHORT_FORMS):
        yield f"{place} is not a {'mapping' if key in SHORT_FORMS else 'list'}", "Write it as in docs/alertmanager.md"
    elif not all(isinstance(entry, Mapping) for entry in entries(value)):
        yield f"an entry of {place} is not a mapping", "Write it as in docs/alertmanager.md"
    else:
        for index, entry in enumerate(entries(value)):
            of_entry = f"{place}[{index}]" if isinstance(value, list) else place
            if key in SHORT_FORMS:
                yield from _of_short_form(of_entry, key, entry)
            if key in ("email", "email_configs"):
                yield from _of_mail(of_entry, entry, settings)


def _of_short_form(place: str, key: str, entry: Mapping[str, Any]) -> Iterator[Problem]:
    for name, example in _REQUIRED.get(key, {}).items():
        if not entry.get(name):
            yield f"{place} has no {name}", f"Set {place}.{name}, such as {example}"
    recipients = entry.get("to", "")
    listed = recipients if isinstance(recipients, list) else [recipients]
    if key == "email" and not all(isinstance(name, str) for name in listed):
        yield f"{place}.to is not text", f"Write it like {_REQUIRED['email']['to']}, or a list of such texts"
    if key == "email" and not isinstance(entry.get("headers") or {}, Mapping):
        yield f"{place}.headers is not a mapping", "Write it like {X-Site: berlin}"
    if key == "telegram" and entry.get("chat_id_file") and "chat_id" in entry:
        yield f"{place} has a chat_id and a chat_id_file", "Remove one of them"
    has_chat = re.fullmatch(r"-?\d+", str(entry.get("chat_id", ""))) or entry.get("chat_id_file")
    if key == "telegram" and not has_chat:
        yield f"{place}.chat_id is not the number of a chat", "Write it like chat_id: -1001234567890"
    if key == "ntfy":
        unknown = [name for name in entry if name not in (*NTFY, *NTFY_SECRETS)]
        if unknown:
            yield f"{place}.{unknown[0]} is not a setting of ntfy", f"Use {', '.join(NTFY)}"
        if public_url.problem_of(str(entry.get("url")), ""):
            fix = "Write the URL of the server, like https://ntfy.example.com"
            yield f"{place}.url is not a URL without login and query", fix
        if not isinstance(entry.get("http_config", {}), Mapping):
            yield f"{place}.http_config is not a mapping", "Write it as in Alertmanager's documentation"
        if entry.get("password_file") and not entry.get("username"):
            yield f"{place} has a password_file and no username", "Set both, or token_file"


def _of_mail(place: str, entry: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[Problem]:
    for name, example in _OF_MAIL.items():
        if not entry.get(name) and not settings.get(f"smtp_{name}"):
            yield f"{place} has no {name}", f"Set smtp_{name} in alertmanager_global, such as {example}"
    problem = problem_of_smarthost(f"{place}.smarthost", entry.get("smarthost"))
    if problem:
        yield problem


def problem_of_smarthost(place: str, address: Any) -> Problem | None:
    """Problem and fix of the address of a mail server; None for an empty one too. An IPv6 address needs brackets."""
    if not address or _WITH_PORT.fullmatch(str(address)):
        return None
    # A site may have written a login.
    shown = "" if "@" in str(address) else f": {address}"
    return f"{place} is not a host with a port{shown}", f"Write it like {_OF_MAIL['smarthost']}"
