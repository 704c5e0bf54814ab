# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import (
    alertmanager_cluster,
    alertmanager_receiver_checks,
    alertmanager_route_checks,
    alertmanager_secrets,
    flags,
    image_versions,
    public_url,
)
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.alertmanager_configuration import NOBODY
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables, VariableError

NamedProblem = tuple[str, str, str]
# Older versions break payloads of webhooks (https://github.com/prometheus/alertmanager/pull/5304), which ntfy needs.
_OLDEST = "0.34"


def check(variables: HostVariables, host: str) -> None:
    """Raises VariableError for a setting of Alertmanager that would not work, or that would show a secret.

    A host without this Alertmanager may have variables of the same names for another one.
    """
    if not variables.is_true(host, "alertmanager_enabled"):
        return
    for name, problem, fix in _problems({name: variables.get(host, f"alertmanager_{name}") for name in _CHECKED}):
        raise VariableError(name, host, problem, fix)
    alertmanager_cluster.check(variables, host)


_CHECKED = (
    "image",
    *("receivers", "route", "global", "time_intervals", "inhibit_rules_extra", "route_tests", "watchdog_receiver"),
    *("secret_files", "mounts_extra", "templates", "flags_extra", "external_url", "route_prefix"),
)


def _problems(given: Mapping[str, Any]) -> Iterator[NamedProblem]:
    """Each problem, as variable, problem and fix. Later checks rely on the earlier ones."""
    image = image_versions.problem_of(str(given["image"]), _OLDEST, "alertmanager", "0.34.2")
    if image:
        yield "alertmanager_image", *image
    receivers, route = given["receivers"] or [], given["route"] or {}
    for problem in alertmanager_receiver_checks.problems(receivers, given["global"] or {}):
        yield "alertmanager_receivers", *problem
    files, mounts = given["secret_files"] or {}, [str(mount.get("target")) for mount in given["mounts_extra"] or []]
    secret = alertmanager_secrets.problem_of(receivers, given["global"] or {}, [str(name) for name in files], mounts)
    if secret:
        yield secret[0], *secret[1]
    smarthost = alertmanager_receiver_checks.problem_of_smarthost(
        "smtp_smarthost", (given["global"] or {}).get("smtp_smarthost")
    )
    if smarthost:
        yield "alertmanager_global", *smarthost
    names = [receiver["name"] for receiver in receivers]
    known = list(dict.fromkeys([*names, NOBODY]))
    for problem in alertmanager_route_checks.of_routes(
        route, known, [entry.get("name") for entry in given["time_intervals"] or []]
    ):
        yield "alertmanager_route", *problem
    watchdog = given["watchdog_receiver"]
    if watchdog and watchdog not in names:
        yield (
            "alertmanager_watchdog_receiver",
            f"alertmanager_receivers has no receiver {watchdog}",
            alertmanager_route_checks.fix_of_receiver(names),
        )
    others = [name for name in names if name != watchdog]
    if watchdog and not others and not route:
        text = f"{watchdog} is the only receiver and gets only Watchdog, so nobody is notified of other alerts"
        yield "alertmanager_watchdog_receiver", text, "Add a receiver for them, or write alertmanager_route"
    if len(others) > 1 and not route:
        text = f"it is empty, and alertmanager_receivers has {len(others)} receivers: {', '.join(others)}"
        yield "alertmanager_route", text, "Write which of them gets which alerts, as in docs/alertmanager.md"
    for problem in alertmanager_route_checks.of_inhibit_rules(given["inhibit_rules_extra"] or []):
        yield "alertmanager_inhibit_rules_extra", *problem
    for problem in alertmanager_route_checks.of_tests(given["route_tests"] or [], known):
        yield "alertmanager_route_tests", *problem
    yield from _of_texts(given)


def _of_texts(given: Mapping[str, Any]) -> Iterator[NamedProblem]:
    """Templates, flags and the paths under which people reach Alertmanager."""
    for name, content in (given["templates"] or {}).items():
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", str(name)) or str(name) == "gpu-monitoring":
            yield (
                "alertmanager_templates",
                f"'{name}' is not a name of a template's file",
                "Use letters, digits, '_', '.' and '-', and not gpu-monitoring",
            )
        if not isinstance(content, str) or not content.strip():
            fix = "Set it to the text of a template, like \"{{ lookup('ansible.builtin.file', 'x.tmpl') }}\""
            yield "alertmanager_templates", f"the content of '{name}' is not text", fix
    problem = flags.problem_of(given["flags_extra"] or [], flags.ALERTMANAGER)
    if problem:
        yield "alertmanager_flags_extra", *problem
    problem = public_url.problem_of(str(given["external_url"] or ""), "https://monitoring.example.com/alertmanager")
    if problem:
        yield "alertmanager_external_url", *problem
    problem = public_url.path_problem_of(str(given["route_prefix"] or ""), "/alertmanager")
    if problem:
        yield "alertmanager_route_prefix", *problem
