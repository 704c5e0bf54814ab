# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager import matchers
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.volume_data import version_of
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.version_numbers import is_before
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import alertmanager_secrets, flags, public_url
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.alertmanager_configuration import NOBODY, routes
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.alertmanager_integrations import NTFY, NTFY_SECRETS, SHORT_FORMS
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.alertmanager_receivers import entries
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables, VariableError

Found = tuple[str, str, str]
_REQUIRED = {"email": ("to",), "ntfy": ("url", "topic")}
# Older versions break payloads of webhooks (https://github.com/prometheus/alertmanager/pull/5304), which ntfy needs.
_OLDEST = (0, 34)


def check(variables: HostVariables, host: str) -> None:
    """Raises VariableError for a setting of Alertmanager that would not work, or that would show a secret.

    A host without this Alertmanager may have variables of the same names for another one.
    """
    if not boolean(variables.get(host, "alertmanager_enabled")):
        return
    for name, problem, fix in _problems({name: variables.get(host, f"alertmanager_{name}") for name in _CHECKED}):
        raise VariableError(name, host, problem, fix)


_CHECKED = (
    "image",
    *("receivers", "route", "global", "time_intervals", "inhibit_rules_extra", "route_tests", "watchdog_receiver"),
    *("secret_files", "mounts_extra", "templates", "flags_extra", "external_url", "route_prefix"),
)


def _problems(given: Mapping[str, Any]) -> Iterator[Found]:
    """Each problem, as variable, problem and fix. Later checks rely on the earlier ones."""
    image = str(given["image"])
    if is_before(version_of([image]), *_OLDEST):
        yield "alertmanager_image", f"{image} is older than 0.34", "Set alertmanager_version to 0.34.2 or newer"
    receivers, route = given["receivers"] or [], given["route"] or {}
    yield from _of_receivers(receivers)
    files, mounts = given["secret_files"] or {}, [str(mount.get("target")) for mount in given["mounts_extra"] or []]
    secret = alertmanager_secrets.problem_of(receivers, given["global"] or {}, [str(name) for name in files], mounts)
    if secret:
        yield secret[0], *secret[1]
    names = [receiver["name"] for receiver in receivers]
    yield from _of_routes(route, [*names, NOBODY], [entry.get("name") for entry in given["time_intervals"] or []])
    watchdog = given["watchdog_receiver"]
    if watchdog and watchdog not in names:
        yield "alertmanager_watchdog_receiver", f"alertmanager_receivers has no receiver {watchdog}", _known(names)
    others = [name for name in names if name != watchdog]
    if watchdog and not others and not route:
        problem = f"{watchdog} is the only receiver and gets Watchdog alone, so nobody is told of other alerts"
        yield "alertmanager_watchdog_receiver", problem, "Add a receiver for them, or write alertmanager_route"
    if len(others) > 1 and not route:
        text = f"it is empty, and alertmanager_receivers has {len(others)} receivers: {', '.join(others)}"
        yield "alertmanager_route", text, "Write which of them gets which alerts, as in docs/alertmanager.md"
    yield from _of_inhibit_rules(given["inhibit_rules_extra"] or [])
    yield from _of_route_tests(given["route_tests"] or [], [*names, NOBODY])
    yield from _of_texts(given)


def _of_receivers(receivers: Sequence[Mapping[str, Any]]) -> Iterator[Found]:
    names: list[str] = []
    for index, receiver in enumerate(receivers):
        name = receiver.get("name")
        if not isinstance(name, str) or not name:
            yield "alertmanager_receivers", f"[{index}] has no name", "Write it like {name: oncall, email: {to: oncall@example.com}}"
        elif name in names:
            yield "alertmanager_receivers", f"the receiver {name} is there twice", "Give each receiver its own name"
        else:
            names.append(name)
            for key, value in receiver.items():
                yield from _of_integration(name, str(key), value)


def _of_integration(receiver: str, key: str, value: Any) -> Iterator[Found]:
    variable, place = "alertmanager_receivers", f"{receiver}.{key}"
    if key in ("name", "labels"):
        return
    if key not in SHORT_FORMS and not key.endswith("_configs"):
        yield variable, f"{place} is no integration", f"Use {', '.join(SHORT_FORMS)}, or an integration of Alertmanager such as slack_configs"
    elif not isinstance(value, list) and not (isinstance(value, Mapping) and key in SHORT_FORMS):
        yield variable, f"{place} is not a {'mapping' if key in SHORT_FORMS else 'list'}", "Write it as in docs/alertmanager.md"
    elif not all(isinstance(entry, Mapping) for entry in entries(value)):
        yield variable, f"an entry of {place} is not a mapping", "Write it as in docs/alertmanager.md"
    elif key in SHORT_FORMS:
        for entry in entries(value):
            yield from _of_short_form(place, key, entry)


def _of_short_form(place: str, key: str, entry: Mapping[str, Any]) -> Iterator[Found]:
    variable = "alertmanager_receivers"
    for name in _REQUIRED.get(key, ()):
        if not entry.get(name):
            yield variable, f"{place} has no {name}", f"Set {place}.{name}"
    if key == "telegram" and not re.fullmatch(r"-?\d+", str(entry.get("chat_id", ""))) and not entry.get("chat_id_file"):
        yield variable, f"{place}.chat_id is not the number of a chat", "Write it like chat_id: -1001234567890"
    if key == "ntfy":
        unknown = [name for name in entry if name not in (*NTFY, *NTFY_SECRETS)]
        if unknown:
            yield variable, f"{place}.{unknown[0]} is no setting of ntfy", f"Use {', '.join(NTFY)}"
        if public_url.problem_of(str(entry.get("url")), ""):
            yield variable, f"{place}.url is not a URL without login and query", "Write the URL of the server, like https://ntfy.example.com"
        if entry.get("password_file") and not entry.get("username"):
            yield variable, f"{place} has a password_file and no username", "Set both, or token_file"


def _of_routes(route: Mapping[str, Any], receivers: Collection[str], intervals: Collection[Any]) -> Iterator[Found]:
    variable = "alertmanager_route"
    for key in ("matchers", "match", "match_re"):
        if route.get(key):
            yield variable, f"{key} is set for the root, which takes all alerts", "Put the matchers into an entry of routes"
    for path, child in routes(route):
        place = f"{path}." if path else ""
        if child.get("receiver") and child["receiver"] not in receivers:
            yield variable, f"{place}receiver is {child['receiver']}, which alertmanager_receivers does not have", _known(receivers)
        if child.get("matchers"):
            found = matchers.problem_of(child["matchers"], f"{place}matchers")
            if found:
                yield variable, *found
        for key in ("mute_time_intervals", "active_time_intervals"):
            named = child.get(key) or []
            unknown = [name for name in named if name not in intervals] if isinstance(named, list) else []
            if unknown:
                yield variable, f"{place}{key} names {unknown[0]}, which alertmanager_time_intervals does not have", "Add it there"


def _of_inhibit_rules(rules: Sequence[Mapping[str, Any]]) -> Iterator[Found]:
    for index, rule in enumerate(rules):
        for key in ("source_matchers", "target_matchers"):
            found = matchers.problem_of(rule.get(key) or [], f"[{index}].{key}")
            if found:
                yield "alertmanager_inhibit_rules_extra", *found


def _of_route_tests(tests: Sequence[Mapping[str, Any]], receivers: Collection[str]) -> Iterator[Found]:
    variable, example = "alertmanager_route_tests", "Write it like {labels: {severity: page}, receiver: oncall}"
    for index, test in enumerate(tests):
        expected = test["receiver"]
        names = [expected] if isinstance(expected, str) else expected
        if not isinstance(names, list) or not names:
            yield variable, f"[{index}].receiver is not the name of a receiver, or a list of names", example
            return
        unknown = [name for name in names if name not in receivers]
        if unknown:
            yield variable, f"[{index}].receiver is {unknown[0]}, which alertmanager_receivers does not have", _known(receivers)
        if not test["labels"]:
            yield variable, f"[{index}] has no labels", example


def _of_texts(given: Mapping[str, Any]) -> Iterator[Found]:
    """Templates, flags and the paths under which people reach Alertmanager."""
    for name, content in (given["templates"] or {}).items():
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", str(name)) or str(name) == "gpu-monitoring":
            yield "alertmanager_templates", f"'{name}' is no name of a template's file", "Use letters, digits, '_', '.' and '-', and not gpu-monitoring"
        if not isinstance(content, str) or not content.strip():
            fix = "Set it to the text of a template, like \"{{ lookup('ansible.builtin.file', 'x.tmpl') }}\""
            yield "alertmanager_templates", f"the content of '{name}' is not text", fix
    found = flags.problem_of(given["flags_extra"] or [], flags.ALERTMANAGER)
    if found:
        yield "alertmanager_flags_extra", *found
    found = public_url.problem_of(str(given["external_url"] or ""), "https://monitoring.example.com/alertmanager")
    if found:
        yield "alertmanager_external_url", *found
    found = public_url.path_problem_of(str(given["route_prefix"] or ""), "/alertmanager")
    if found:
        yield "alertmanager_route_prefix", *found


def _known(receivers: Collection[str]) -> str:
    return f"Use one of {', '.join(receivers)}, or add it to alertmanager_receivers" if receivers else "Add it to alertmanager_receivers"
