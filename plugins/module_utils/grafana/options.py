# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The options of the Grafana modules, as AnsibleModule takes them. They are documented in the documentation fragment
`grafana`.
"""

from typing import Any

STATE = {"type": "str", "choices": ["present", "absent"], "default": "present"}

LOGIN: dict[str, Any] = {
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "token": {"type": "str", "no_log": True},
}
LOGIN_RULES: dict[str, Any] = {
    "mutually_exclusive": [("token", "username"), ("token", "password")],
    "required_together": [("username", "password")],
    "required_one_of": [("token", "username")],
}
CONNECTION: dict[str, Any] = {
    "url": {"type": "str", "required": True},
    "org_id": {"type": "int"},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "client_cert": {"type": "path"},
    "client_key": {"type": "path", "no_log": False},
    "timeout": {"type": "int", "default": 10},
    "use_proxy": {"type": "bool", "default": False},
    "wait": {"type": "int", "default": 60},
    "login_help": {"type": "str"},
}
CONNECTION_RULES: dict[str, Any] = {"required_by": {"client_key": "client_cert"}}

DATASOURCE: dict[str, Any] = {
    "uid": {"type": "str", "required": True},
    "name": {"type": "str"},
    "type": {"type": "str", "default": "prometheus"},
    "url": {"type": "str"},
    "access": {"type": "str", "choices": ["proxy", "direct"], "default": "proxy"},
    "user": {"type": "str"},
    "database": {"type": "str"},
    "basic_auth_user": {"type": "str"},
    "is_default": {"type": "bool"},
    "json_data": {"type": "dict", "default": {}},
    "secure_json_data": {"type": "dict", "default": {}, "no_log": True},
    "secrets_version": {"type": "str", "no_log": False},
    "state": STATE,
}
DATASOURCE_RULES = [("state", "present", ("name",))]

FOLDER: dict[str, Any] = {
    "uid": {"type": "str", "required": True},
    "title": {"type": "str"},
    "parent_uid": {"type": "str"},
    "state": STATE,
}
FOLDER_RULES = [("state", "present", ("title",))]

# How values are shown: those of a panel, or of one of its queries.
FIELD: dict[str, Any] = {
    "unit": {"type": "str"},
    "min": {"type": "float"},
    "max": {"type": "float"},
    "decimals": {"type": "int"},
    "thresholds": {
        "type": "list",
        "elements": "dict",
        "options": {"value": {"type": "float", "required": True}, "color": {"type": "str", "required": True}},
    },
}
QUERY: dict[str, Any] = {"expr": {"type": "str", "required": True}, "legend": {"type": "str"}, **FIELD}
PANEL_LINK: dict[str, Any] = {
    "title": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    "column": {"type": "str"},
}
COLUMN_SETTING: dict[str, Any] = {
    "column": {"type": "str", "required": True},
    "name": {"type": "str"},
    "width": {"type": "int"},
}
PANEL: dict[str, Any] = {
    "title": {"type": "str", "required": True},
    "type": {
        "type": "str",
        "choices": ["bargauge", "gauge", "row", "stat", "state-timeline", "table", "timeseries"],
        "default": "timeseries",
    },
    "query": {"type": "str"},
    "legend": {"type": "str"},
    "queries": {"type": "list", "elements": "dict", "options": QUERY},
    "instant": {"type": "bool"},
    **FIELD,
    "description": {"type": "str"},
    "soft_max": {"type": "float"},
    "columns": {"type": "list", "elements": "str"},
    "column_settings": {"type": "list", "elements": "dict", "options": COLUMN_SETTING},
    "sort": {"type": "str"},
    "links": {"type": "list", "elements": "dict", "options": PANEL_LINK},
    "repeat": {"type": "str"},
    "datasource_uid": {"type": "str"},
    "width": {"type": "int", "default": 12},
    "height": {"type": "int", "default": 8},
    "x": {"type": "int"},
    "y": {"type": "int"},
    "model": {"type": "dict"},
}
VARIABLE: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "choices": ["query", "datasource", "custom"], "default": "query"},
    "label": {"type": "str"},
    "query": {"type": "str"},
    "values": {"type": "list", "elements": "str"},
    "regex": {"type": "str"},
    "multi": {"type": "bool", "default": False},
    "include_all": {"type": "bool", "default": False},
    "all_value": {"type": "str"},
}
DASHBOARD_LINK: dict[str, Any] = {
    "title": {"type": "str", "required": True},
    "tag": {"type": "str"},
    "url": {"type": "str"},
}
ANNOTATION: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "query": {"type": "str", "required": True},
    "title": {"type": "str"},
    "text": {"type": "str"},
    "tags": {"type": "list", "elements": "str", "default": []},
    "color": {"type": "str", "default": "red"},
}
DASHBOARD: dict[str, Any] = {
    "uid": {"type": "str"},
    "title": {"type": "str"},
    "folder_uid": {"type": "str"},
    "description": {"type": "str"},
    "tags": {"type": "list", "elements": "str", "default": []},
    "refresh": {"type": "str"},
    "time_from": {"type": "str"},
    "time_to": {"type": "str"},
    "datasource_uid": {"type": "str", "default": "prometheus"},
    "links": {"type": "list", "elements": "dict", "default": [], "options": DASHBOARD_LINK},
    "variables": {"type": "list", "elements": "dict", "default": [], "options": VARIABLE},
    "annotations": {"type": "list", "elements": "dict", "default": [], "options": ANNOTATION},
    "panels": {"type": "list", "elements": "dict", "options": PANEL},
    "model": {"type": "raw"},
    "inputs": {"type": "dict", "default": {}},
    "ignore_paths": {"type": "list", "elements": "str", "default": []},
    "state": STATE,
}

OWNER: dict[str, Any] = {"owner": {"type": "str"}}
MANAGED: dict[str, Any] = {"allow_managed": {"type": "bool", "default": False}}


def items(options: dict[str, Any], rules: list[Any]) -> dict[str, Any]:
    """The option that takes a list of things with these options."""
    return {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": options,
        **({"required_if": rules} if rules else {}),
    }
