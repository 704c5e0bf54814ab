"""Pages for a person who opens the demo: what the dashboards' panels would show now, as tables."""

from __future__ import annotations

import time
from typing import Any

from flask import render_template_string

from stand_in import query
from stand_in.errors import ApiError

PAGE = """<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<title>{{ title }} - stand-in for Grafana</title>
<style>body{font:14px sans-serif;background:#181b1f;color:#ccc;margin:2em}h2{font-size:15px}
table{border-collapse:collapse}td{padding:2px 12px;border-bottom:1px solid #333}
.note{color:#f90}a{color:#6e9fff}</style>
<p class="note">This is a stand-in for Grafana in a test lab: the queries and values are real,
the page is not Grafana's.</p>
<h1>{{ title }}</h1>
{% for panel in panels %}<h2>{{ panel.title }}</h2><table>
{% for name, value in panel.rows %}<tr><td>{{ name }}<td>{{ value }}{% endfor %}</table>{% endfor %}
<ul>{% for link, name in links %}<li><a href="{{ link }}">{{ name }}</a>{% endfor %}</ul>"""


def listing(dashboards: list[dict[str, Any]]) -> str:
    """All dashboards, as links."""
    return render_template_string(
        PAGE,
        title="Dashboards",
        panels=[],
        links=[(f"/d/{item['uid']}", item["title"]) for item in dashboards],
    )


def login() -> str:
    """What stands where Grafana's login form would be."""
    return render_template_string(
        PAGE, title="Log in with your browser's own dialog", panels=[], links=[("/dashboards", "Dashboards")]
    )


def dashboard(model: dict[str, Any], datasources: Any) -> str:
    """One dashboard with its panels' present values."""
    now = time.time()
    panels = []
    for panel in model.get("panels") or []:
        rows: list[tuple[str, str]] = []
        for target in panel.get("targets") or []:
            try:
                uid = (target.get("datasource") or panel["datasource"])["uid"]
                source = datasources.get(uid)
                for frame in query.frames(
                    datasources.session(uid), {**target, "instant": True, "range": False}, source, now, now
                ):
                    value = frame["data"]["values"][1][-1]
                    rows.append((frame["schema"]["fields"][1]["config"]["displayNameFromDS"], f"{value:.3f}"))
            except ApiError as error:
                rows.append(("error", str(error)))
        panels.append({"title": panel.get("title", ""), "rows": sorted(rows)})
    return render_template_string(PAGE, title=model["title"], panels=panels, links=[("/dashboards", "Dashboards")])
