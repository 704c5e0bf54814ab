# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Routes of Alertmanager, their tests and inhibition rules that would not work. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager import matchers
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import durations
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.alertmanager_configuration import routes

Problem = tuple[str, str]
_MATCHERS = ("matchers", "match", "match_re")
_INTERVALS = ("mute_time_intervals", "active_time_intervals")
_DURATIONS = ("group_wait", "group_interval", "repeat_interval")
# The settings of a route, read in config/config.go of Alertmanager 0.35.0.
_KEYS = ("receiver", "group_by", *_MATCHERS, "continue", "routes", *_DURATIONS, *_INTERVALS)

# The matchers of an inhibition rule, each with its other forms and with what a rule without them does.
_SIDES = {
    "source_matchers": (("source_match", "source_match_re", "sources"), "takes every alert for its source"),
    "target_matchers": (("target_match", "target_match_re"), "suppresses every alert"),
}


def of_routes(route: Mapping[str, Any], receivers: Collection[str], intervals: Collection[Any]) -> Iterator[Problem]:
    """The problems of a site's route, with their fixes. amtool refuses an entry of `routes` that is not a mapping."""
    for key in (*_MATCHERS, *_INTERVALS):
        if route.get(key):
            yield f"{key} is set for the root, which takes all alerts", f"Put {key} into an entry of routes"
    if route and not route.get("receiver"):
        problem = "it has no receiver, which gets the alerts that no entry of routes takes"
        yield problem, f"Set receiver to one of {', '.join(receivers)}"
    for path, child in routes(route):
        yield from _of_route(f"{path}." if path else "", child, receivers, intervals)


def _of_route(
    place: str, route: Mapping[str, Any], receivers: Collection[str], intervals: Collection[Any]
) -> Iterator[Problem]:
    for key in route:
        if key not in _KEYS:
            close = get_close_matches(str(key), _KEYS, n=1)
            yield (
                f"{place}{key} is not a setting of a route",
                f"Write {close[0]}" if close else f"Use {', '.join(_KEYS)}",
            )
    if route.get("receiver") and route["receiver"] not in receivers:
        problem = f"{place}receiver is {route['receiver']}, which alertmanager_receivers does not have"
        yield problem, fix_of_receiver(receivers)
    if route.get("matchers"):
        problem_of_matchers = matchers.problem_of(route["matchers"], f"{place}matchers")
        if problem_of_matchers:
            yield problem_of_matchers
    if not isinstance(route.get("routes") or [], list):
        yield f"{place}routes is not a list", "Write it like [{matchers: ['severity=\"page\"'], receiver: oncall}]"
    for key in _DURATIONS:
        problem_of_duration = durations.problem_of(route[key], f"{place}{key}") if key in route else None
        if problem_of_duration:
            yield problem_of_duration
    for key in _INTERVALS:
        named = route.get(key) or []
        unknown = [name for name in named if name not in intervals] if isinstance(named, list) else []
        if unknown:
            problem = f"{place}{key} names {unknown[0]}, which alertmanager_time_intervals does not have"
            yield problem, f"Add {unknown[0]} to alertmanager_time_intervals"


def of_inhibit_rules(rules: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """The problems of inhibition rules, with their fixes."""
    for index, rule in enumerate(rules):
        for key, (others, effect) in _SIDES.items():
            if not any(rule.get(name) for name in (key, *others)):
                yield f"[{index}] has no {key}", f"Add them, because a rule without them {effect}"
            problem = matchers.problem_of(rule.get(key) or [], f"[{index}].{key}")
            if problem:
                yield problem


def of_tests(tests: Sequence[Mapping[str, Any]], receivers: Collection[str]) -> Iterator[Problem]:
    """The problems of tests of routes, with their fixes."""
    example = "Write it like {labels: {severity: page}, receiver: oncall}"
    for index, test in enumerate(tests):
        expected = test["receiver"]
        names = [expected] if isinstance(expected, str) else expected
        if not isinstance(names, list) or not names:
            yield f"[{index}].receiver is not the name of a receiver, or a list of names", example
            return
        unknown = [name for name in names if name not in receivers]
        if unknown:
            problem = f"[{index}].receiver is {unknown[0]}, which alertmanager_receivers does not have"
            yield problem, fix_of_receiver(receivers)
        if not test["labels"]:
            yield f"[{index}] has no labels", example


def fix_of_receiver(receivers: Collection[str]) -> str:
    """What to do about the name of a receiver that is not one of these."""
    fix = "add it to alertmanager_receivers"
    return f"Use one of {', '.join(receivers)}, or {fix}" if receivers else fix.capitalize()
