# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The options of a template variable that Grafana chooses when somebody opens the dashboard. Pure.

Source: grafana/scenes, MultiValueVariable.ts.
"""

from typing import Callable, Union

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.contents import objects
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.interpolation import Value, Values, fill
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.options import Option

ALL, _ALL_TEXT = "$__all", "All"


def chosen(variable: Json, options: list[Option], preferred: Callable[[Option], bool], values: Values) -> Value:
    """What Grafana chooses: the saved value if it is an option, "All" if the variable has that, else an option.

    Grafana takes the first option. One that is `preferred` goes before it.
    """
    saved, text, multi = *saved_value(variable), bool(variable.get("multi"))
    everything, many = bool(variable.get("includeAll")), multi or bool(variable.get("includeAll"))
    is_all = (saved[0] if isinstance(saved, list) and saved else saved) == ALL
    first = next(filter(preferred, options), options[0] if options else Option("", ""))
    if not is_all or not everything:
        kept = [] if is_all else _kept(saved, text, options, multi)
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
    saved, text = saved_value(variable)
    every = [Option(str(option.get("text")), str(option.get("value"))) for option in objects(variable.get("options"))]
    options = [option for option in every if option.value != ALL]
    own = saved if isinstance(saved, list) else [saved]
    return chosen(variable, options if ALL in own else [Option(text, value) for value in own], none_preferred, {})


def none_preferred(_option: Option) -> bool:
    """No option goes before the first."""
    return False


def saved_value(variable: Json) -> tuple[Union[str, list[str]], str]:
    """The saved value or values, and their text."""
    current = variable.get("current")
    current = current if isinstance(current, dict) else {}
    value, text = current.get("value"), current.get("text")
    saved = [str(element) for element in value] if isinstance(value, list) else "" if value is None else str(value)
    return saved, " + ".join(map(str, text)) if isinstance(text, list) else "" if text is None else str(text)


def _kept(saved: Union[str, list[str]], text: str, options: list[Option], multi: bool) -> list[Option]:
    """The saved values that are options. For a variable with one value, the text counts too."""
    if multi:
        wanted = saved if isinstance(saved, list) else [saved]
        by_value = {option.value: option for option in reversed(options)}
        return [by_value[value] for value in wanted if value in by_value]
    value = saved[0] if isinstance(saved, list) and saved else saved
    same_value = [option for option in options if option.value == value]
    return (same_value or [option for option in options if text and option.text == text])[:1]
