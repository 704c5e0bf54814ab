# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Saved filters of a dashboard (variables of the type adhoc), added to every selector of a query. Pure.

Source: grafana-prometheus, enhanceExprWithAdHocFilters and add_label_to_query.ts.
"""

import re

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Datasource, Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.contents import objects, template_variables
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import datasources
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.interpolation import Values

_STRING = r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`'
_GROUPING = r"\b(?:by|without|on|ignoring|group_left|group_right)\b\s*\([^()]*\)"
_TOKEN = re.compile(
    rf"(?P<other>{_STRING}|#[^\n]*|\[[^\]]*\]|{_GROUPING}|\d[\w.]*|@\s*[\w.]+|\boffset\s+-?\w+)"
    rf"|(?P<selector>\{{(?:{_STRING}|[^\}}\"'`])*\}})"
    r"|(?P<name>[a-zA-Z_:][\w:]*)(?=\s*(?P<next>[({]?))",
    re.IGNORECASE,
)
# Words that are not names of metrics. Functions are recognized by their parenthesis.
_WORDS = (
    "and",
    "atan2",
    "bool",
    "by",
    "group_left",
    "group_right",
    "ignoring",
    "inf",
    "nan",
    "offset",
    "on",
    "or",
    "unless",
    "without",
)
_AGGREGATIONS = (
    *("sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values"),
    *("bottomk", "topk", "quantile", "limitk", "limit_ratio"),
)
_ONE_OF = {"=|": "=~", "!=|": "!~"}


def matchers(dashboard: Json, source: Datasource, values: Values, known: list[Datasource]) -> str:
    """The saved filters for the queries of a datasource, as matchers; empty without saved filters."""
    written = []
    for variable in template_variables(dashboard):
        given = datasources.resolve(variable.get("datasource"), values, known).datasource
        if variable.get("type") != "adhoc" or given is None or given["uid"] != source["uid"]:
            continue
        for saved in [*objects(variable.get("baseFilters")), *objects(variable.get("filters"))]:
            key, operator, value = (str(saved.get(part) or "") for part in ("key", "operator", "value"))
            if not (key and operator and value):
                continue
            if operator in _ONE_OF:
                several = saved.get("values")
                value = "|".join(map(str, several)) if isinstance(several, list) else value
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            written.append(f'{key}{_ONE_OF.get(operator, operator)}"{escaped}"')
    return ",".join(written)


def added(expression: str, written: str) -> str:
    """The query with the matchers in each of its selectors."""
    if not written:
        return expression

    def token(match: re.Match[str]) -> str:
        if match["selector"]:
            own = match["selector"][1:-1].strip().rstrip(",")
            return f"{{{own},{written}}}" if own else f"{{{written}}}"
        name = match["name"]
        if not name or name.lower() in (*_WORDS, *_AGGREGATIONS) or match["next"] == "(":
            return match[0]
        return name if match["next"] == "{" else f"{name}{{{written}}}"

    return _TOKEN.sub(token, expression)
