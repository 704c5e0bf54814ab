"""Tests in the form of `promtool test rules`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.rules.alert_series import STEP, Series


def seconds(samples: float) -> str:
    """The time of a sample."""
    return f"{round(samples * STEP)}s"


def expectation(expression: str, samples: float, *labels: str) -> dict[str, Any]:
    """That an expression answers with series of these labels, of the value 1."""
    return {
        "expr": expression,
        "eval_time": seconds(samples),
        "exp_samples": [{"labels": f"{{{text}}}", "value": 1} for text in labels],
    }


def case(
    name: str, input_series: Sequence[Series], *expected: dict[str, Any], interval: str = f"{STEP}s"
) -> dict[str, Any]:
    """A test with these series."""
    return {
        "name": name,
        "interval": interval,
        "input_series": [entry.written() for entry in input_series],
        "promql_expr_test": [*expected],
    }
