# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The only place that talks HTTP to Prometheus (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

import math
import time
from typing import Any, Callable, NamedTuple, Optional, TypedDict
from urllib.parse import urlencode

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.errors import NotReady, PrometheusError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.server import Connection, Server


class Series(TypedDict):
    """A series of an answer. `value` is None if it is NaN or infinite, `timestamp` is seconds since 1970."""

    labels: dict[str, str]
    value: Optional[float]
    timestamp: float


class Answer(NamedTuple):
    """An instant query's answer."""

    series: list[Series]
    warnings: list[str]
    infos: list[str]


class Client:
    """One Prometheus, or what speaks its API."""

    def __init__(self, options: Connection) -> None:
        self._server = Server("Prometheus", 9090, "query", options)
        self.url = self._server.url

    def query(self, expression: str, moment: Optional[str] = None) -> Answer:
        """An instant query's answer, now or at a moment (RFC 3339, or seconds since 1970)."""
        body = self._query(expression, moment)
        kind, result = body["data"]["resultType"], body["data"]["result"]
        if kind == "scalar":
            result = [{"metric": {}, "value": result}]
        elif kind != "vector":
            advice = (
                " Wrap it in a function that makes one value of a range, such as rate() or last_over_time()."
                if kind == "matrix"
                else ""
            )
            raise PrometheusError(f"query: '{expression}' gives a {kind}, not one value for each series.{advice}")
        series = [_series(expression, element) for element in result]
        return Answer(series, body.get("warnings") or [], body.get("infos") or [])

    def samples(self, selector: str) -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
        """Labels and raw samples, each (seconds since 1970, value), of a range selector such as `up[1m]`."""
        result = self._query(selector, None)["data"]["result"]
        return [
            (series["metric"], [(float(moment), float(value)) for moment, value in series.get("values", [])])
            for series in result
        ]

    def get(self, path: str) -> Any:
        """The `data` of GET /api/v1/`path`."""
        return self._api(path)["data"]

    def text(self, path: str) -> str:
        """GET `path`, which is not part of the API, as text."""
        return self._server.send("GET", path).text

    def _query(self, expression: str, moment: Optional[str]) -> Any:
        parameters = {"query": expression, **({"time": moment} if moment is not None else {})}
        return self._api("query", urlencode(parameters))

    def _api(self, path: str, form: Optional[str] = None) -> Any:
        if form is None:
            answer = self._server.send("GET", f"/api/v1/{path}")
        else:
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = self._server.send("POST", f"/api/v1/{path}", form.encode(), headers)
        try:
            body = answer.json()
            body["data"]
        except (ValueError, KeyError, TypeError) as error:
            raise PrometheusError(
                f"url: {self.url}/api/v1/{path} was not answered as Prometheus does."
                " Check for a proxy or a login page in between, and for a missing sub-path."
            ) from error
        return body


def wait_for(
    client: Client,
    expression: str,
    moment: Optional[str],
    unmet: Callable[[list[Series]], str],
    timeout: float,
    interval: float,
) -> Answer:
    """The first answer of which `unmet` has nothing to say.

    Raises PrometheusError with the last answer after `timeout` seconds. `unmet` takes the series and returns what they
    lack in plain words, empty if they lack nothing. A Prometheus that does not answer counts as not yet.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            answer = client.query(expression, moment)
            problem = unmet(answer.series)
            if not problem:
                return answer
        except NotReady as error:
            problem = str(error)
        left = deadline - time.monotonic()
        if left <= 0:
            raise PrometheusError(f"query: after {timeout:g} s '{expression}' does not meet until: {problem}")
        time.sleep(min(interval, left))


def _series(expression: str, element: Any) -> Series:
    if "value" not in element:
        raise PrometheusError(
            f"query: '{expression}' gives native histograms, which are not one value."
            " Wrap it in a function such as histogram_quantile()."
        )
    moment, text = element["value"]
    value = float(text)
    return {"labels": element["metric"], "value": value if math.isfinite(value) else None, "timestamp": float(moment)}
