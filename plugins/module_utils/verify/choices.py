# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The options of a template variable and the one that Grafana chooses when somebody opens the dashboard. Pure.

Sources: grafana/scenes, MultiValueVariable.ts, CustomVariable.tsx, DataSourceVariable.tsx and query/utils.ts.
"""

import json
import re
from typing import Any, Callable, NamedTuple, Optional, Union

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Datasource, Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.interpolation import Value, Values, fill

ALL, _ALL_TEXT = "$__all", "All"
_DEFAULT = "default"
# Grafana's plugins for Prometheus, which it takes for each other (grafana-data, matchPluginId).
PROMETHEUS_TYPES = ("prometheus", "grafana-amazonprometheus-datasource", "grafana-azureprometheus-datasource")
_PAIR = re.compile(r"\s*(.+)\s:\s(.+)")
_SLASHED = re.compile(r"/(?P<pattern>.*)/(?P<flags>g?i?m?y?s?)", re.DOTALL)


class Option(NamedTuple):
    """One option of a variable."""

    text: str
    value: str


def chosen(variable: Json, options: list[Option], preferred: Callable[[Option], bool], values: Values) -> Value:
    """What Grafana chooses: the saved value where it is an option, "All" where the variable has that, else an option.

    Grafana takes the first option. One that is `preferred` goes before it.
    """
    saved, text, multi = *_saved(variable), bool(variable.get("multi"))
    everything, many = bool(variable.get("includeAll")), multi or bool(variable.get("includeAll"))
    is_all = (saved[0] if isinstance(saved, list) and saved else saved) == ALL
    first = next(filter(preferred, options), options[0] if options else Option("", ""))
    if not is_all or not everything:
        kept = _kept(saved, text, options, multi)
        if kept:
            picked = [option.value for option in kept]
            return Value(picked if multi else picked[0], " + ".join(option.text for option in kept), many)
        if not everything:
            picked = [first.value] if options else []
            return Value(picked if multi else first.value, first.text, many)
    if variable.get("allValue"):
        return Value(fill(str(variable["allValue"]), values), _ALL_TEXT, many, verbatim=True)
    return Value([option.value for option in options], _ALL_TEXT, many)


def as_saved(variable: Json) -> Value:
    """The saved value, whether or not it is an option."""
    saved, text = _saved(variable)
    every = [Option(str(option.get("text")), str(option.get("value"))) for option in variable.get("options") or []]
    options = [option for option in every if option.value != ALL]
    own = saved if isinstance(saved, list) else [saved]
    return chosen(variable, options if ALL in own else [Option(text, value) for value in own], lambda _option: False, {})


def custom(variable: Json, values: Values) -> list[Option]:
    """The options of a variable of the type custom."""
    written = fill(str(variable.get("query") or ""), values)
    if variable.get("valuesFormat") == "json":
        return _from_json(written)
    texts = [text.replace("\\,", ",") for text in re.findall(r"(?:\\,|[^,])+", written)]
    pairs = [(_PAIR.fullmatch(text), text.strip()) for text in texts]
    return [Option(pair[1].strip(), pair[2].strip()) if pair else Option(text, text) for pair, text in pairs]


def of_datasources(variable: Json, datasources: list[Datasource], values: Values) -> list[Option]:
    """The options of a variable of the type datasource: those of its plugin, by name."""
    plugin = str(variable.get("query") or "")
    types = PROMETHEUS_TYPES if plugin == "prometheus" else (plugin,)
    pattern = _pattern(fill(str(variable.get("regex") or ""), values, "regex"))
    options = []
    for datasource in sorted(datasources, key=lambda datasource: datasource["name"].lower()):
        if datasource.get("type") not in types:
            continue
        if pattern is None or pattern.search(datasource["name"]):
            options.append(Option(datasource["name"], datasource["uid"]))
        if datasource.get("isDefault") and _saved(variable)[0] == _DEFAULT and (pattern is None or pattern.search(_DEFAULT)):
            options.append(Option(_DEFAULT, _DEFAULT))
    return options


def of_answers(variable: Json, answers: list[str], values: Values) -> list[Option]:
    """The options of a variable of the type query, of what its query found."""
    pattern = _pattern(fill(str(variable.get("regex") or ""), values, "regex"))
    options = [Option(answer, answer) for answer in answers] if pattern is None else _matched(variable, answers, pattern)
    unique: dict[str, Option] = {}
    for option in options:
        unique.setdefault(option.value, option)
    return _sorted(list(unique.values()), variable.get("sort"))


def _saved(variable: Json) -> tuple[Union[str, list[str]], str]:
    current = variable.get("current")
    current = current if isinstance(current, dict) else {}
    value, text = current.get("value"), current.get("text")
    saved = [str(element) for element in value] if isinstance(value, list) else "" if value is None else str(value)
    return saved, " + ".join(map(str, text)) if isinstance(text, list) else "" if text is None else str(text)


def _kept(saved: Union[str, list[str]], text: str, options: list[Option], multi: bool) -> list[Option]:
    """The saved values that are options. Of a variable with one value the text counts as well: its value may be an old name."""
    if multi:
        wanted = saved if isinstance(saved, list) else [saved]
        by_value = {option.value: option for option in reversed(options)}
        return [by_value[value] for value in wanted if value in by_value]
    value = saved[0] if isinstance(saved, list) and saved else saved
    same_value = [option for option in options if option.value == value]
    return (same_value or [option for option in options if text and option.text == text])[:1]


def _from_json(text: str) -> list[Option]:
    try:
        elements = json.loads(text)
    except ValueError:
        return []
    pairs: list[tuple[Any, Any]] = [
        (element.get("text") or element.get("value"), element.get("value")) if isinstance(element, dict) else (element, element)
        for element in (elements if isinstance(elements, list) else [])
    ]
    return [Option(str(name).strip(), str(value).strip()) for name, value in pairs]


def _pattern(written: str) -> Optional[re.Pattern[str]]:
    """A regular expression in JavaScript's notation; without slashes it must match the whole. ValueError for a wrong one."""
    if not written:
        return None
    slashed = _SLASHED.fullmatch(written)
    if not slashed and written.startswith("/"):
        raise ValueError(f"'{written}' is not a valid regular expression.")
    pattern, flags = (slashed["pattern"], slashed["flags"]) if slashed else (f"^{written}$", "")
    options = (re.IGNORECASE if "i" in flags else 0) | (re.MULTILINE if "m" in flags else 0) | (re.DOTALL if "s" in flags else 0)
    try:
        return re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", pattern), options)
    except re.error as error:
        raise ValueError(f"'{written}' is not a valid regular expression: {error}.") from error


def _matched(variable: Json, answers: list[str], pattern: re.Pattern[str]) -> list[Option]:
    """The parts of the answers that the groups of a regular expression match; the whole where there is no group."""
    every = str(variable.get("regex") or "").rpartition("/")[2].startswith("g")
    options = []
    for answer in answers:
        matches = list(pattern.finditer(answer)) if every else list(filter(None, [pattern.search(answer)]))
        if not matches:
            continue
        named = {name: match[name] for match in reversed(matches) for name in ("value", "text") if match.groupdict().get(name)}
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
    """1 and 2 are alphabetical, 3 and 4 by the first number, 5 and 6 without case, 7 and 8 natural; even ones are reversed."""
    keys: dict[int, Callable[[Option], Any]] = {
        1: lambda option: option.text,
        3: lambda option: int((re.search(r"\d+", option.text) or ["-1"])[0]),
        5: lambda option: option.text.lower(),
        7: lambda option: [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in re.split(r"(\d+)", option.text)],
    }
    if not isinstance(order, int) or not 1 <= order <= 8:
        return options
    ordered = sorted(options, key=keys[order - (order % 2 == 0)])
    return ordered if order % 2 else ordered[::-1]
