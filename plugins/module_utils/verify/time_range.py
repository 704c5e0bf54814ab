# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The time range of a dashboard, and the intervals that Grafana derives from it. Pure.

Sources: grafana-data (rangeutil.ts, calculateInterval) and promlib (pkg/promlib/models/query.go).
"""

import math
import re
from datetime import datetime
from typing import Any, NamedTuple, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.interpolation import Value, Values, fill

DEFAULT_INTERVAL = "15s"
_DEFAULT_SPAN = 3600.0
# How far before its end a query looks.
_LOOK_BACK_SECONDS = 300
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2592000, "y": 31536000}
_PART = re.compile(r"(\d*\.?\d+)(ms|[smhdwMy])")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")
# An interval up to the first number of seconds is rounded to the second.
_STEPS = (
    (0.01, 0.001), (0.015, 0.01), (0.035, 0.02), (0.075, 0.05), (0.15, 0.1), (0.35, 0.2), (0.75, 0.5), (1.5, 1),
    (3.5, 2), (7.5, 5), (12.5, 10), (17.5, 15), (25, 20), (45, 30), (90, 60), (210, 120), (450, 300), (750, 600),
    (1050, 900), (1500, 1200), (2700, 1800), (5400, 3600), (9000, 7200), (16200, 10800), (32400, 21600),
    (86400, 43200), (604800, 86400), (1814400, 604800), (3628800, 2592000),
)  # fmt: skip
_LONGEST_STEP = 31536000
# The width in pixels of a dashboard on a usual screen: a graph has a point for each pixel.
_WIDTH, _COLUMNS, _OLD_COLUMNS = 1880, 24, 12


class TimeRange(NamedTuple):
    """Its length in seconds, and start and end of a query at its end, as /api/ds/query takes them."""

    span: float
    start: str
    end: str


def time_range(dashboard: Json, panel: Json) -> TimeRange:
    """The time range in which a panel is drawn when somebody opens the dashboard."""
    times = _object(dashboard.get("time"))
    start, end = (_moment(times.get(key) or default) for key, default in (("from", "now-1h"), ("to", "now")))
    shift = parsed(panel.get("timeShift")) or 0
    span = parsed(panel.get("timeFrom"))
    if span is None:
        span = end.seconds - start.seconds if end.absolute == start.absolute else 0
    span = span if span > 0 else _DEFAULT_SPAN
    if end.absolute:
        last = (end.seconds - shift) * 1000
        return TimeRange(span, f"{last - _LOOK_BACK_SECONDS * 1000:.0f}", f"{last:.0f}")
    ago = max(0.0, shift - end.seconds)
    return TimeRange(span, f"now-{ago + _LOOK_BACK_SECONDS:.0f}s", f"now-{ago:.0f}s" if ago else "now")


def parsed(text: Any) -> Optional[float]:
    """Seconds of an interval; None for other text. Grafana takes a leading `>` as well."""
    written = str(text or "").lstrip("><")
    if not _DURATION.fullmatch(written):
        return None
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(written))
    return seconds if math.isfinite(seconds) else None


def automatic(variable: Json, span: float) -> str:
    """The value of a variable of the type interval that is set to "auto"."""
    return written(
        max(_rounded(span / _positive(variable.get("auto_count"), 30)), parsed(variable.get("auto_min")) or 10)
    )


def built_in(span: float, panel: Json, target: Json, scrape_interval: str, values: Values) -> Values:
    """Grafana's own variables of time in a query."""
    scrape = parsed(scrape_interval) or parsed(DEFAULT_INTERVAL) or 0
    automatic_step = _rounded(span / _positive(panel.get("maxDataPoints"), _width(panel)))
    interval = max(automatic_step, parsed(fill(str(panel.get("interval") or ""), values)) or scrape)
    least = parsed(fill(str(target.get("interval") or ""), values))
    step = max(automatic_step, least or interval) * _positive(target.get("intervalFactor"), 1)
    rate = max(interval + (least or scrape), 4 * (least or scrape))
    if target.get("interval") in ("$__rate_interval", "${__rate_interval}"):
        rate = step = max(automatic_step + scrape, 4 * scrape)
    texts = {
        "__interval": written(step),
        "__interval_ms": f"{step * 1000:.0f}",
        "__rate_interval": f"{rate * 1000:.0f}ms",
        "__rate_interval_ms": f"{rate * 1000:.0f}",
        "__range": written(span),
        "__range_s": f"{span:.0f}",
        "__range_ms": f"{span * 1000:.0f}",
    }
    return {name: Value(text, text) for name, text in texts.items()}


def bounds(times: TimeRange, now: float) -> Values:
    """Grafana's variables of the start and the end, in milliseconds. `now` is seconds since 1970."""
    end = float(times.end) / 1000 if times.end.isdigit() else now - (parsed(times.end.removeprefix("now-")) or 0)
    texts = {"__from": f"{(end - times.span) * 1000:.0f}", "__to": f"{end * 1000:.0f}"}
    return {name: Value(text, text) for name, text in texts.items()}


def written(seconds: float) -> str:
    """A duration in Prometheus' notation, in the greatest unit that fits."""
    milliseconds = round(seconds * 1000)
    fitting = [unit for unit in ("d", "h", "m", "s") if milliseconds % (_UNITS[unit] * 1000) == 0]
    return f"{milliseconds // int(_UNITS[fitting[0]] * 1000)}{fitting[0]}" if fitting else f"{milliseconds}ms"


class _Moment(NamedTuple):
    """Seconds since 1970 if it is absolute, else seconds from now, negative in the past."""

    absolute: bool
    seconds: float


def _moment(given: Any) -> _Moment:
    text = str(given)
    if text.startswith("now"):
        return _Moment(False, -(parsed(text.partition("/")[0].removeprefix("now-")) or 0))
    try:
        return _Moment(
            True,
            float(text) / 1000 if text.isdigit() else datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp(),
        )
    except ValueError:
        return _Moment(False, 0)


def _width(panel: Json) -> float:
    """Pixels. A panel of a model with `rows` has a span of 12 columns."""
    old_share = _positive(panel.get("span"), _OLD_COLUMNS) / _OLD_COLUMNS
    return _WIDTH * _positive(_object(panel.get("gridPos")).get("w"), _COLUMNS * old_share) / _COLUMNS


def _object(given: Any) -> Json:
    return given if isinstance(given, dict) else {}


def _positive(given: Any, default: float) -> float:
    return given if isinstance(given, (int, float)) and given > 0 else default


def _rounded(seconds: float) -> float:
    return next((step for limit, step in _STEPS if seconds < limit), _LONGEST_STEP)
