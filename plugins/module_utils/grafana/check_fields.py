# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Checks of how values are shown: unit, range and thresholds of a panel or of one of its queries. Pure."""

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import declared, units
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError


def check(where: str, shown: declared.ShownAs) -> None:
    """Raise GrafanaError for the first option that cannot be right."""
    unit = shown.get("unit")
    probable = units.similar(unit) if unit and not units.is_known(unit) else None
    if probable:
        raise GrafanaError(
            f"{where}.unit: Grafana has no unit '{unit}'. Write {probable}, or suffix:{unit} to show the text itself."
        )
    least, most = shown.get("min"), shown.get("max")
    if least is not None and most is not None and least >= most:
        raise GrafanaError(f"{where}.max: {most} is not above min, {least}. Exchange the two.")
    decimals = shown.get("decimals")
    if decimals is not None and decimals < 0:
        raise GrafanaError(f"{where}.decimals: {decimals} is below 0. Give 0 or more.")
    values = [threshold["value"] for threshold in shown.get("thresholds") or []]
    if values != sorted(set(values)):
        listed = ", ".join(f"{value:g}" for value in values)
        raise GrafanaError(f"{where}.thresholds: the values {listed} do not ascend. Begin with the lowest value.")
