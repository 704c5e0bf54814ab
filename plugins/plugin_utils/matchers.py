# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Matchers of Alertmanager in its UTF-8 syntax (https://prometheus.io/docs/alerting/latest/configuration/#matcher). Pure."""

import re
from typing import Any

_QUOTED = r'"(?:[^"\\\n]|\\.)*"'
_TOKEN = rf"(?:{_QUOTED}|[^\s{{}}!=~,\\\"'`]+)"
_MATCHER = rf"{_TOKEN}\s*(?:=~|!~|!=|=)\s*{_TOKEN}"
_MATCHERS = re.compile(rf"\s*(?:{_MATCHER}(?:\s*,\s*{_MATCHER})*\s*,?|\{{\s*{_MATCHER}(?:\s*,\s*{_MATCHER})*\s*,?\s*\}})\s*")


def problem_of(matchers: Any, path: str) -> tuple[str, str] | None:
    """Problem and fix of the first matcher that Alertmanager would refuse; None if all is well. Regular expressions are not looked at."""
    example = """Write it like 'severity="page"'"""
    if not isinstance(matchers, (list, tuple)):
        return f"{path} is not a list", f"""Write it like ['severity="page"', 'host=~"gpu.*"']"""
    for index, matcher in enumerate(matchers):
        if not isinstance(matcher, str):
            return f"{path}[{index}] is not text", f"{example}, in quotation marks"
        if not _MATCHERS.fullmatch(matcher):
            return f"{path}[{index}] is not a matcher: {matcher}", example
    return None


def matcher(name: str, value: str) -> str:
    """The matcher that a label equals a value."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{name}="{escaped}"'
