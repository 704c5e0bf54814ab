# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""How Grafana shows the values of a panel, of one query or of one column. Pure."""

from collections.abc import Sequence
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.declared import (
    PanelLink,
    ShownAs,
    Threshold,
)


def limits(shown: ShownAs) -> Json:
    """Ends of the axis and decimal places, if they are given."""
    given = {"min": shown.get("min"), "max": shown.get("max"), "decimals": shown.get("decimals")}
    return {key: value for key, value in given.items() if value is not None}


def thresholds(given: Sequence[Threshold]) -> Json:
    """Colours by value. Below the first value the colour is green."""
    steps: list[Json] = [{"color": "green", "value": None}]
    steps += [{"color": threshold["color"], "value": threshold["value"]} for threshold in given]
    return {"mode": "absolute", "steps": steps}


def of_query(shown: ShownAs) -> Json:
    """Settings that a query has for its own values."""
    unit: Optional[str] = shown.get("unit")
    given = shown.get("thresholds")
    return {
        **({"unit": unit} if unit is not None else {}),
        **limits(shown),
        **({"thresholds": thresholds(given)} if given else {}),
    }


def link(given: PanelLink) -> Json:
    """A link of a value."""
    return {"title": given["title"], "url": given["url"]}


def override(matcher: str, name: str, settings: dict[str, Any]) -> Json:
    """Settings of the fields that a matcher of Grafana finds by the name."""
    properties = [{"id": key, "value": value} for key, value in settings.items()]
    return {"matcher": {"id": matcher, "options": name}, "properties": properties}
