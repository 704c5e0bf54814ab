# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The configuration of Alertmanager, made of the variables of its role. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager.matchers import Matcher, parse_list
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.alerts import WATCHDOG
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import alertmanager_receivers
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.alertmanager_receivers import Settings

FOLDER = "/etc/alertmanager"
# The receiver that tells nobody, which is always there.
NOBODY = "nobody"
# Routes inherit these from the root. The times are Alertmanager's own defaults.
_ROOT: Settings = {"group_by": ["host"], "group_wait": "30s", "group_interval": "5m", "repeat_interval": "12h"}
# A page comes at once, also if another alert of the host was sent a moment ago.
_PAGES: Settings = {
    "matchers": ['severity="page"'],
    "group_wait": "5s",
    "group_interval": "10s",
    "repeat_interval": "4h",
}
_INFOS: Settings = {"matchers": ['severity="info"'], "receiver": NOBODY}
_SECRET_FILE = re.compile(r"secrets/.+")


def configuration(
    receivers: Sequence[Mapping[str, Any]],
    route: Mapping[str, Any],
    settings: Mapping[str, Any],
    watchdog_receiver: str = "",
    watchdog_interval: str = "1m",
) -> Settings:
    """The whole configuration; `settings` are its other sections, of which empty ones are left out."""
    http_config = (settings.get("global") or {}).get("http_config")
    expanded = [
        alertmanager_receivers.expanded(receiver, receiver["name"] != watchdog_receiver, http_config)
        for receiver in receivers
    ]
    if NOBODY not in [receiver["name"] for receiver in receivers]:
        expanded.append({"name": NOBODY})
    made = {
        **{name: section for name, section in settings.items() if section},
        "route": _root(receivers, route, watchdog_receiver, watchdog_interval),
        "receivers": expanded,
    }
    absolute: Settings = _with_absolute_files(made)
    return absolute


def routes(route: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A route and all routes below it, each with its place. What is not a route is left to amtool."""
    yield path, route
    children = route.get("routes")
    for index, child in enumerate(children if isinstance(children, list) else []):
        if isinstance(child, Mapping):
            yield from routes(child, f"{path}.routes[{index}]" if path else f"routes[{index}]")


def first_receiver(receivers: Sequence[Mapping[str, Any]], watchdog_receiver: str) -> str:
    """The receiver of all alerts if the site declares no route."""
    return next((receiver["name"] for receiver in receivers if receiver["name"] != watchdog_receiver), NOBODY)


def _root(
    receivers: Sequence[Mapping[str, Any]], route: Mapping[str, Any], watchdog_receiver: str, interval: str
) -> Settings:
    own = route or {"receiver": first_receiver(receivers, watchdog_receiver), "routes": [_PAGES, _INFOS]}
    root = {**_ROOT, **own}
    if watchdog_receiver or not _handles_watchdog(route):
        root["routes"] = [_watchdog(watchdog_receiver or NOBODY, interval), *(root.get("routes") or [])]
    return root


def _watchdog(receiver: str, interval: str) -> Settings:
    """The route of the dead man's switch. Alertmanager repeats a notification at the first end of a group's interval
    after `repeat_interval`.
    """
    times = {"group_by": ["alertname"], "group_wait": "0s", "group_interval": "10s", "repeat_interval": interval}
    return {"matchers": [f'alertname="{WATCHDOG}"'], "receiver": receiver, **times}


def _handles_watchdog(route: Mapping[str, Any]) -> bool:
    """Whether a route of the site is for the dead man's switch itself."""
    names = [matcher for _path, child in routes(route) for matcher in _matchers(child) if matcher.name == "alertname"]
    # A matcher that takes any name is not for the dead man's switch.
    return any(matcher.takes(WATCHDOG) and not matcher.takes("AnyOther") for matcher in names)


def _matchers(route: Mapping[str, Any]) -> Iterator[Matcher]:
    """The matchers of a route, those in Alertmanager's older notation included. What is not a matcher is left to
    amtool.
    """
    texts = route.get("matchers")
    for text in texts if isinstance(texts, list) else []:
        yield from parse_list(str(text))
    for key in ("match", "match_re"):
        labels = route.get(key)
        yield from (
            Matcher(str(name), str(value), key == "match_re")
            for name, value in (labels.items() if isinstance(labels, Mapping) else ())
        )


def _with_absolute_files(value: Any) -> Any:
    """The same with full paths of secret files: Alertmanager takes some of them relative to its data folder."""
    if isinstance(value, Mapping):
        return {
            key: _file(item) if _names_file(str(key)) else _with_absolute_files(item) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_with_absolute_files(item) for item in value]
    return value


def _names_file(key: str) -> bool:
    return key.endswith("_file") or key == "files"


def _file(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_file(item) for item in value]
    return f"{FOLDER}/{value}" if isinstance(value, str) and _SECRET_FILE.fullmatch(value) else value
