# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The options of a template variable. Pure.

Sources: grafana/scenes, CustomVariable.tsx, DataSourceVariable.tsx and query/utils.ts.
"""

import json
import re
import warnings
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import datasource_types
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Datasource, Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.contents import objects
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.interpolation import Values, fill

DEFAULT = "default"
_PAIR = re.compile(r"\s*(.+)\s:\s(.+)")
_SLASHED = re.compile(r"/(?P<pattern>.*)/(?P<flags>g?i?m?y?s?)", re.DOTALL)


class Option(NamedTuple):
    """One option of a variable."""

    text: str
    value: str


def custom(variable: Json, values: Values) -> list[Option]:
    """The options of a variable of the type custom."""
    written = fill(str(variable.get("query") or ""), values)
    if variable.get("valuesFormat") == "json":
        return _from_json(written)
    texts = [text.replace("\\,", ",") for text in re.findall(r"(?:\\,|[^,])+", written)]
    pairs = [(_PAIR.fullmatch(text), text.strip()) for text in texts]
    return [Option(pair[1].strip(), pair[2].strip()) if pair else Option(text, text) for pair, text in pairs]


def of_datasources(variable: Json, datasources: list[Datasource], values: Values, with_default: bool) -> list[Option]:
    """The options of a variable of the type datasource: those of its plugin, by name, and "default" if wanted."""
    plugin = str(variable.get("query") or "")
    types = datasource_types.PROMETHEUS if plugin == "prometheus" else (plugin,)
    pattern = _pattern(fill(str(variable.get("regex") or ""), values, "regex"))
    options = []
    for datasource in sorted(datasources, key=lambda datasource: datasource["name"].lower()):
        if datasource.get("type") not in types:
            continue
        if pattern is None or pattern.search(datasource["name"]):
            options.append(Option(datasource["name"], datasource["uid"]))
        if with_default and datasource.get("isDefault") and (pattern is None or pattern.search(DEFAULT)):
            options.append(Option(DEFAULT, DEFAULT))
    return options


def of_answers(variable: Json, answers: list[str], values: Values) -> list[Option]:
    """The options of a variable of the type query: of what its query found, and the static ones (Grafana 12.3)."""
    pattern = _pattern(fill(str(variable.get("regex") or ""), values, "regex"))
    options = _matched(variable, answers, pattern)
    unique: dict[str, Option] = {}
    for option in options:
        unique.setdefault(option.value, option)
    return _with_static(variable, _sorted(list(unique.values()), variable.get("sort")))


def _with_static(variable: Json, options: list[Option]) -> list[Option]:
    """The options with the static ones, which go before unless the variable says otherwise."""
    given = objects(variable.get("staticOptions"))
    static = [Option(str(option.get("text")), str(option.get("value"))) for option in given]
    others = [option for option in options if option.value not in [added.value for added in static]]
    order = variable.get("staticOptionsOrder")
    if order == "sorted":
        return _sorted([*others, *static], variable.get("sort"))
    return [*others, *static] if order == "after" else [*static, *others]


def _from_json(written: str) -> list[Option]:
    try:
        elements = json.loads(written)
    except ValueError:
        return []
    options = []
    for element in elements if isinstance(elements, list) else []:
        value = element.get("value") if isinstance(element, dict) else element
        text = (element.get("text") if isinstance(element, dict) else None) or value
        options.append(Option(str(text).strip(), str(value).strip()))
    return options


def _pattern(written: str) -> Optional[re.Pattern[str]]:
    """A regular expression in JavaScript's notation; one without slashes must match the whole.

    Raises ValueError for a wrong one.
    """
    if not written:
        return None
    slashed = _SLASHED.fullmatch(written)
    if not slashed and written.startswith("/"):
        raise ValueError(f"'{written}' is not a valid regular expression.")
    pattern, flags = (slashed["pattern"], slashed["flags"]) if slashed else (f"^{written}$", "")
    known = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}
    options = sum(known[flag] for flag in flags if flag in known)
    try:
        # Python warns of "[[", which is two characters of a set in JavaScript too.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", pattern), options)
    except re.error as error:
        raise ValueError(f"'{written}' is not a valid regular expression: {error}.") from error


def _matched(variable: Json, answers: list[str], pattern: Optional[re.Pattern[str]]) -> list[Option]:
    """The parts of the answers that the groups of a regular expression match; the whole if there is no group."""
    if pattern is None:
        return [Option(answer, answer) for answer in answers]
    every = str(variable.get("regex") or "").rpartition("/")[2].startswith("g")
    options = []
    for answer in answers:
        matches = list(pattern.finditer(answer)) if every else list(filter(None, [pattern.search(answer)]))
        if not matches:
            continue
        named = {
            name: match[name]
            for match in reversed(matches)
            for name in ("value", "text")
            if match.groupdict().get(name)
        }
        grouped = [match for match in matches if pattern.groups]
        if named:
            value = named.get("value", named.get("text", ""))
            options.append(Option(named.get("text", value), value))
        elif grouped:
            texts = [match[1] or "" for match in (grouped if len(matches) > 1 else grouped[:1])]
            options += [Option(text, text) for text in texts]
        else:
            options.append(Option(answer, answer))
    return options


def _sorted(options: list[Option], order: Any) -> list[Option]:
    """1 and 2 are alphabetical, 3 and 4 by number, 5 and 6 without case, 7 and 8 natural. Even ones are reversed."""
    keys: dict[int, Callable[[Option], Any]] = {
        1: lambda option: option.text,
        3: lambda option: int((re.search(r"\d+", option.text) or ["-1"])[0]),
        5: lambda option: option.text.lower(),
        7: lambda option: [
            (int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", option.text)
        ],
    }
    if not isinstance(order, int) or not 1 <= order <= 8:
        return options
    ordered = sorted(options, key=keys[order - (order % 2 == 0)])
    return ordered if order % 2 else ordered[::-1]
