# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.declared import Variable

# Kinds of query in Grafana's Prometheus plugin (grafana-prometheus, PromVariableQueryType).
_LABEL_VALUES, _CLASSIC_QUERY = 1, 5
_ON_TIME_RANGE, _ON_LOAD = 2, 1
_ALPHABETICAL = 1


def build(variable: Variable, datasource_uid: str) -> Json:
    """Grafana's JSON of a template variable. What is chosen at first is left to Grafana, and what was chosen last to
    its users.
    """
    common = {
        "name": variable["name"],
        "label": variable["label"] or variable["name"],
        "type": variable["type"],
        "hide": 0,
        "multi": variable["multi"],
        "includeAll": variable["include_all"],
        "skipUrlSync": False,
        **({"allValue": variable["all_value"]} if variable["all_value"] else {}),
    }
    if variable["type"] == "datasource":
        return {
            **common,
            "query": variable["query"] or "prometheus",
            "regex": variable["regex"] or "",
            "refresh": _ON_LOAD,
        }
    if variable["type"] == "custom":
        return {**common, "query": ",".join(value.replace(",", "\\,") for value in variable["values"] or [])}
    query = variable["query"] or ""
    kind = _LABEL_VALUES if query.startswith("label_values(") else _CLASSIC_QUERY
    return {
        **common,
        "datasource": {"type": "prometheus", "uid": datasource_uid},
        "definition": query,
        "query": {"qryType": kind, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "refresh": _ON_TIME_RANGE,
        "regex": variable["regex"] or "",
        "sort": _ALPHABETICAL,
    }
