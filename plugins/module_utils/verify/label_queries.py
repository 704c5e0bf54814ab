# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What a query of a template variable finds in Prometheus (grafana-prometheus: metric_find_query.ts). Pure.

Grafana asks for the values of the whole time range. Only those at its end are taken here, if panels are asked too.
"""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple, Optional, Protocol

_LABEL_NAMES = re.compile(r"label_names\((?P<metric>.*)\)\s*")
_LABEL_VALUES = re.compile(r"label_values\((?:(?P<selector>.+),\s*)?(?P<label>[a-zA-Z_]\w*)\)\s*", re.DOTALL)
_METRICS = re.compile(r"metrics\((?P<pattern>.+)\)\s*")
_QUERY_RESULT = re.compile(r"query_result\((?P<expression>.+)\)\s*", re.DOTALL)
# Prometheus refuses anything else if labels are asked for. Other servers that speak its API may take it.
_SELECTOR = re.compile(r"\s*(?:[a-zA-Z_:][\w:]*\s*(?:\{.*\})?|\{.*\})\s*", re.DOTALL)
_EMPTY = ("label_values()", "metrics()", "query_result()")


class Sample(NamedTuple):
    """A series of an instant query's answer, or a scalar, which has no labels.

    `value` is None if it is not a number, `timestamp` is milliseconds.
    """

    labels: dict[str, str]
    value: Optional[float]
    timestamp: float
    is_scalar: bool = False


class Prometheus(Protocol):
    """The Prometheus of a variable. Both methods return None if the query failed."""

    def samples(self, expression: str) -> Optional[Sequence[Sample]]:
        """The answer to an instant query."""

    def listed(self, path: str, selector: str) -> Optional[Sequence[str]]:
        """The texts at a path of Prometheus' API, such as `labels`, for the selector's series or for all."""


def label_of(query: str) -> str:
    """The label whose values a query asks for; empty if it asks for something else."""
    match = _LABEL_VALUES.fullmatch(query)
    return match["label"] if match else ""


def answers(query: str, prometheus: Prometheus) -> Optional[list[str]]:
    """The texts that a variable's query finds, None if it fails."""
    if query in _EMPTY:
        return []
    names = _LABEL_NAMES.fullmatch(query)
    if names:
        return _listed("labels", _of_metrics(names["metric"]) if names["metric"] else "", prometheus)
    values = _LABEL_VALUES.fullmatch(query)
    if values:
        selector = values["selector"] or ""
        blank = selector.replace(" ", "") in ("", "{}")
        label = values["label"]
        return _values(label, f'{{{label}!=""}}' if blank else selector, prometheus)
    metrics = _METRICS.fullmatch(query)
    if metrics:
        return _values("__name__", _of_metrics(metrics["pattern"]), prometheus)
    result = _QUERY_RESULT.fullmatch(query)
    if not result and not _SELECTOR.fullmatch(query):
        return None
    samples = prometheus.samples(result["expression"] if result else query)
    if samples is None:
        return None
    return [_result(sample) if result else _series(sample) for sample in samples]


def _values(label: str, selector: str, prometheus: Prometheus) -> Optional[list[str]]:
    if not _SELECTOR.fullmatch(selector):
        return _listed(f"label/{label}/values", selector, prometheus)
    samples = prometheus.samples(f"group by ({label}) ({selector})")
    return None if samples is None else sorted({sample.labels[label] for sample in samples if sample.labels.get(label)})


def _listed(path: str, selector: str, prometheus: Prometheus) -> Optional[list[str]]:
    texts = prometheus.listed(path, selector)
    return None if texts is None else list(texts)


def _of_metrics(pattern: str) -> str:
    escaped = pattern.replace("\\", "\\\\").replace('"', '\\"')
    return f'{{__name__=~".*(?:{escaped}).*"}}'


def _result(sample: Sample) -> str:
    value = _number(sample.value)
    return value if sample.is_scalar else f"{_series(sample)} {value} {_number(sample.timestamp)}"


def _series(sample: Sample) -> str:
    labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()) if name != "__name__")
    return f"{sample.labels.get('__name__', '')}{{{labels}}}"


def _number(value: Optional[float]) -> str:
    if value is None or not math.isfinite(value):
        return "NaN"
    return f"{value:.0f}" if value == int(value) else repr(value)
