# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Matchers in the notation of Alertmanager, such as `host="gpu3"`. Pure.

The notation is the UTF-8 one of https://prometheus.io/docs/alerting/latest/configuration/#matcher.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.errors import PrometheusError

_TOKEN = r"""(?:"(?:[^"\\\n]|\\.)*"|[^\s{}!=~,\\"'`]+)"""
_OPERATOR = r"(?:=~|!~|!=|=)"
# A task may leave an empty value without quotes. In a configuration Alertmanager refuses that.
_MATCHER = re.compile(rf"\s*({_TOKEN})\s*({_OPERATOR})\s*({_TOKEN}|)\s*")
_LISTED = rf"\s*{_TOKEN}\s*{_OPERATOR}\s*{_TOKEN}\s*"
_LIST = re.compile(rf"\s*(\{{)?{_LISTED}(?:,{_LISTED})*(?:,\s*)?(?(1)\}}\s*)")
_PART = re.compile(rf"({_TOKEN})\s*({_OPERATOR})\s*({_TOKEN})")
# Mistakes in which Python and RE2, the regular expressions of Alertmanager, agree. RE2 also has classes such as
# [[:alpha:]].
_UNBALANCED = re.compile(r"missing \), unterminated subpattern|unbalanced parenthesis|unterminated character set")
_ESCAPES = {'\\"': '"', "\\\\": "\\", "\\n": "\n"}
_PLAIN_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


class Matcher(NamedTuple):
    """A condition on a label. Alertmanager takes a regular expression for one of the whole value."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def __str__(self) -> str:
        operator = ("=" if self.is_equal else "!") + ("~" if self.is_regex else "" if self.is_equal else "=")
        name = self.name if _PLAIN_NAME.fullmatch(self.name) else _quoted(self.name)
        return f"{name}{operator}{_quoted(self.value)}"

    def takes(self, value: str) -> bool:
        """Whether the label may have a value. False too for an expression that Python cannot read."""
        try:
            equal = bool(re.fullmatch(self.value, value)) if self.is_regex else self.value == value
        except re.error:
            return False
        return equal == self.is_equal

    @property
    def needs_label(self) -> bool:
        """Whether an alert without the label is left out. False too for an expression that Python cannot read."""
        if not self.is_regex:
            return self.is_equal == bool(self.value)
        try:
            return self.is_equal != bool(re.fullmatch(self.value, ""))
        except re.error:
            return False


def parse(text: str) -> Matcher:
    """The matcher of a text."""
    match = _MATCHER.fullmatch(text)
    name = _unquoted(match[1]) if match else ""
    if not match or not name:
        raise PrometheusError(
            f"matchers: '{text}' is not a matcher. Write it like alertname=\"GpuHot\", with =, !=, =~ or !~"
            " and the value in double quotes."
        )
    return Matcher(name, _unquoted(match[3]), match[2].endswith("~"), match[2].startswith("="))


def parse_all(texts: Iterable[str]) -> frozenset[Matcher]:
    """The matchers, which Alertmanager takes as a set."""
    return frozenset(parse(text) for text in texts)


def problem_of(texts: Any, path: str) -> Optional[tuple[str, str]]:
    """Problem and fix of the first text of a configuration that Alertmanager would refuse; None if all is well.

    A text has one or several matchers.
    """
    example = """Write it like 'severity="page"'"""
    if not isinstance(texts, (list, tuple)):
        return f"{path} is not a list", """Write it like ['severity="page"', 'host=~"gpu.*"']"""
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            return f"{path}[{index}] is not text", f"{example}, in quotation marks"
        if not _LIST.fullmatch(text):
            return f"{path}[{index}] is not a matcher: {text}", f"{example}, with =, !=, =~ or !~"
        for matcher in parse_list(text):
            if matcher.is_regex and _is_unbalanced(matcher.value):
                return (
                    f"{path}[{index}] has a regular expression with an unbalanced bracket: {matcher.value}",
                    "Add or remove a bracket",
                )
    return None


def parse_list(text: str) -> list[Matcher]:
    """The matchers of a text of a configuration, which has one or several; none if Alertmanager would refuse it."""
    if not _LIST.fullmatch(text):
        return []
    return [
        Matcher(_unquoted(part[1]), _unquoted(part[3]), part[2].endswith("~"), part[2].startswith("="))
        for part in _PART.finditer(text)
    ]


def check(matchers: frozenset[Matcher]) -> None:
    """Raises PrometheusError for matchers that alerts without any of the labels fulfil, which Alertmanager refuses."""
    readable = [matcher for matcher in matchers if not (matcher.is_regex and not _is_readable(matcher.value))]
    if len(readable) == len(matchers) and not any(matcher.needs_label for matcher in matchers):
        listed = ", ".join(sorted(map(str, matchers))) or "no matcher"
        raise PrometheusError(
            f"matchers: {listed} silences alerts without these labels as well, so every alert. Add a matcher that"
            ' needs a label, like host="gpu3", or hosts.'
        )


def _is_readable(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _is_unbalanced(pattern: str) -> bool:
    try:
        if "[:" not in pattern:
            re.compile(pattern)
    except re.error as error:
        return bool(_UNBALANCED.match(error.msg))
    return False


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    return re.sub(r"\\.", lambda escape: _ESCAPES.get(escape[0], escape[0]), text[1:-1])


def _quoted(text: str) -> str:
    for escape, letter in (("\\\\", "\\"), ('\\"', '"'), ("\\n", "\n")):
        text = text.replace(letter, escape)
    return f'"{text}"'
