"""Items as AnsibleModule hands them over: with every option there is."""

from __future__ import annotations

import copy

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import options


def filled(arguments, given):
    return {**{name: copy.deepcopy(argument.get("default")) for name, argument in arguments.items()}, **given}


def a_panel(**given):
    return filled(options.PANEL, {"title": "P", "query": "up", **given})


def a_query(**given):
    return filled(options.QUERY, given)


def a_link(**given):
    return filled(options.PANEL_LINK, {"title": "L", "url": "/d/x", **given})


def a_variable(**given):
    return filled(options.VARIABLE, {"name": "host", **given})


def a_dashboard(**given):
    return filled(options.DASHBOARD, {"uid": "d", "title": "D", "panels": [a_panel()], **given})
