# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The only place that talks HTTP to Prometheus (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

import math
import os
import time
from http.client import responses
from typing import Any, Callable, NamedTuple, Optional, TypedDict
from urllib.parse import urlencode

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import http_client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.errors import NotReady, PrometheusError

# 422: the query failed on the data there is, as when two series match where one may. 503: the server starts, or gave up on time.
_ANOTHER_TRY_MAY_DO = (422, 429, 500, 502, 503, 504)


class Series(TypedDict):
    """A series of an answer. `value` is None where it is NaN or infinite, `timestamp` is seconds since 1970."""

    labels: dict[str, str]
    value: Optional[float]
    timestamp: float


class Connection(TypedDict):
    """The options of the documentation fragment `prometheus`."""

    url: str
    url_username: Optional[str]
    url_password: Optional[str]
    token: Optional[str]
    validate_certs: bool
    ca_path: Optional[str]
    client_cert: Optional[str]
    client_key: Optional[str]
    timeout: int
    use_proxy: bool


class Answer(NamedTuple):
    """An instant query's answer."""

    series: list[Series]
    warnings: list[str]
    infos: list[str]


class Client:
    """One Prometheus, or what speaks its API."""

    def __init__(self, options: Connection) -> None:
        if options["timeout"] < 1:
            raise PrometheusError(f"timeout: {options['timeout']} is no time to wait. Give 1 second or more.")
        for name, path in (
            ("ca_path", options["ca_path"]),
            ("client_cert", options["client_cert"]),
            ("client_key", options["client_key"]),
        ):
            if path is not None and not os.path.isfile(path):
                raise PrometheusError(
                    f"{name}: there is no file {path}. Name one that is there, on the host that runs the module."
                )
        try:
            self._http = http_client.Client(
                options["url"],
                timeout=options["timeout"],
                ca_path=options["ca_path"],
                validate_certs=options["validate_certs"],
                client_cert=options["client_cert"],
                client_key=options["client_key"],
                username=options["url_username"],
                password=options["url_password"],
                token=options["token"],
                headers={"Accept": "application/json"},
                use_proxy=options["use_proxy"],
            )
        except http_client.BadUrl as error:
            url = http_client.shown_url(options["url"])
            raise PrometheusError(f"url: '{url}' is not a URL: {error}. Write it like http://127.0.0.1:9090.") from error
        except http_client.BadToken as error:
            raise PrometheusError(f"token: {error}. Give it as it was made.") from error
        self.url = self._http.url

    def query(self, expression: str, moment: Optional[str] = None) -> Answer:
        """An instant query's answer, now or at a moment (RFC 3339, or seconds since 1970)."""
        body = self._query(expression, moment)
        kind, result = body["data"]["resultType"], body["data"]["result"]
        if kind == "scalar":
            result = [{"metric": {}, "value": result}]
        elif kind != "vector":
            advice = " Wrap it in a function that makes one value of a range, such as rate() or last_over_time()." if kind == "matrix" else ""
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
        return self._send(path).text

    def _query(self, expression: str, moment: Optional[str]) -> Any:
        parameters = {"query": expression, **({"time": moment} if moment is not None else {})}
        return self._api("query", urlencode(parameters))

    def _api(self, path: str, form: Optional[str] = None) -> Any:
        answer = self._send(f"/api/v1/{path}", form)
        try:
            body = answer.json()
            body["data"]
        except (ValueError, KeyError, TypeError) as error:
            raise PrometheusError(
                f"url: {self.url}/api/v1/{path} was not answered as Prometheus does."
                " Is there a proxy or a login page in between, or is a sub-path missing?"
            ) from error
        return body

    def _send(self, path: str, form: Optional[str] = None) -> http_client.Response:
        try:
            if form is None:
                answer = self._http.request("GET", path)
            else:
                headers = {"Content-Type": "application/x-www-form-urlencoded"}
                answer = self._http.request("POST", path, form.encode(), headers)
        except http_client.HttpError as error:
            raise self._no_answer(error) from error
        if answer.status >= 300:
            raise self._refusal(answer, path)
        return answer

    def _refusal(self, answer: http_client.Response, path: str) -> PrometheusError:
        status, reason = answer.status, _reason(answer)
        if status < 400:
            target = answer.headers.get("Location", "nowhere")
            return PrometheusError(f"url: {self.url} redirects to {target}. Set url to where Prometheus is.")
        if status in (401, 403):
            advice = "Set url_username and url_password, or token, that it takes."
            return PrometheusError(f"{self.url} refuses the request with {status}: {reason}. {advice}")
        if status == 404:
            advice = "Is a sub-path missing, or does something else listen there?"
            return PrometheusError(f"url: there is no {path} at {self.url}. {advice}")
        if status == 400:
            return PrometheusError(f"query: Prometheus at {self.url} cannot read it: {reason}.")
        kind = NotReady if status in _ANOTHER_TRY_MAY_DO else PrometheusError
        return kind(f"Prometheus at {self.url} answers {path} with {status}: {reason}.")

    def _no_answer(self, error: http_client.HttpError) -> PrometheusError:
        if isinstance(error, http_client.TlsRefused):
            advice = "Set ca_path, client_cert and client_key, or validate_certs to false."
            return PrometheusError(f"url: no trusted connection to {self.url}: {error}. {advice}")
        if isinstance(error, http_client.BadFile):
            advice = f"Give {error.option} a PEM file on the host that runs the module."
            return PrometheusError(f"{error.option}: {error}. {advice}")
        if isinstance(error, http_client.BadUrl):
            return PrometheusError(f"use_proxy: {error}. Set http_proxy or https_proxy to a URL like http://proxy:3128.")
        return NotReady(f"url: no Prometheus answers at {self.url}: {error}. Check the address and that Prometheus runs.")


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
    lack in plain words, empty where they lack nothing. A Prometheus that does not answer counts as not yet.
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
            raise PrometheusError(f"query: after {timeout:g} s '{expression}' is not as until asks: {problem}")
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


def _reason(answer: http_client.Response) -> str:
    """What the server says of an error, its first 500 characters."""
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return " ".join(answer.text.split())[:500] or responses.get(answer.status, "no reason")
