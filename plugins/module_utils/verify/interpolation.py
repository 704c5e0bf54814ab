# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Variables in a text, filled in as Grafana does (grafana/scenes: sceneInterpolator.ts, formatRegistry.ts). Pure.

The format of queries is that of Grafana's Prometheus plugin (grafana-prometheus: interpolateQueryExpr).
"""

import json
import re
from typing import Callable, NamedTuple, Union

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.contents import REFERENCE, referred_name

PROMETHEUS, REGEX, TEXT, GLOB = "prometheus", "regex", "text", "glob"
_SPECIAL = re.compile(r"[$^*{}\[\]'+?.()|]")
_REGEX_SPECIAL = re.compile(r"[\\^$*+?.()|\[\]{}/]")


class Value(NamedTuple):
    """What a variable stands for.

    - chosen: one value, or a list if several may be chosen.
    - text: the same as people see it.
    - many: whether several values may be chosen, so that queries compare by a regular expression.
    - verbatim: whether the value is put in as it is, whatever the format.
    """

    chosen: Union[str, list[str]]
    text: str = ""
    many: bool = False
    verbatim: bool = False


Values = dict[str, Value]


def fill(text: str, values: Values, style: str = GLOB) -> str:
    """The text with `$name`, `${name}`, `${name:format}` and `[[name]]` replaced if there is a value.

    `style` is the format of the references that name none.
    """

    def replacement(match: re.Match[str]) -> str:
        name = referred_name(match)
        return (
            _formatted(name, values[name], match["old_format"] or match["format"] or style)
            if name in values
            else match[0]
        )

    return REFERENCE.sub(replacement, text)


def _formatted(name: str, value: Value, style: str) -> str:
    kind, _colon, argument = style.partition(":")
    if kind == TEXT:
        return value.text or _FORMATS["csv"](value.chosen)
    if value.verbatim and isinstance(value.chosen, str):
        return value.chosen
    if kind == PROMETHEUS:
        return _for_prometheus(value)
    if kind == "join":
        return (argument or ",").join(_listed(value.chosen))
    if kind == "distributed":
        return f",{name}=".join(_listed(value.chosen))
    if style == "date:seconds":
        return f"{int(value.chosen) / 1000:.0f}" if isinstance(value.chosen, str) and value.chosen.isdigit() else "NaN"
    return _FORMATS.get(kind, _FORMATS[GLOB])(value.chosen)


def _for_prometheus(value: Value) -> str:
    """A value of several is part of a regular expression in a PromQL string, so that every backslash is doubled."""
    if not value.many:
        return _FORMATS["csv"](value.chosen).replace("\\", "\\\\")
    escaped = [_SPECIAL.sub(r"\\\\\g<0>", chosen.replace("\\", "\\\\\\\\")) for chosen in _listed(value.chosen)]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def _as_regex(chosen: Union[str, list[str]]) -> str:
    escaped = [_REGEX_SPECIAL.sub(r"\\\g<0>", element) for element in _listed(chosen)]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def _quoted(quote: str) -> Callable[[Union[str, list[str]]], str]:
    return lambda chosen: ",".join(quote + element.replace(quote, "\\" + quote) + quote for element in _listed(chosen))


def _listed(chosen: Union[str, list[str]]) -> list[str]:
    return [chosen] if isinstance(chosen, str) else chosen


# Grafana falls back on "glob" if it does not know a format.
_FORMATS: dict[str, Callable[[Union[str, list[str]]], str]] = {
    "raw": lambda chosen: ",".join(_listed(chosen)),
    "csv": lambda chosen: ",".join(_listed(chosen)),
    "pipe": lambda chosen: "|".join(_listed(chosen)),
    REGEX: _as_regex,
    GLOB: lambda chosen: f"{{{','.join(chosen)}}}" if len(_listed(chosen)) > 1 else "".join(chosen),
    "json": lambda chosen: (
        chosen if isinstance(chosen, str) else json.dumps(chosen, ensure_ascii=False, separators=(",", ":"))
    ),
    "singlequote": _quoted("'"),
    "doublequote": _quoted('"'),
}
