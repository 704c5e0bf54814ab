"""Panel queries and the datasource proxy, answered by the real Prometheus."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import urlsplit

import requests

from stand_in.errors import ApiError

TIMEOUT_SECONDS = 20
_LABEL = re.compile(r"\{\{\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*\}\}")


def proxy(
    session: requests.Session,
    datasource: dict[str, Any],
    method: str,
    path: str,
    query: bytes,
    body: bytes,
    content_type: str,
) -> requests.Response:
    """Pass a request on to a datasource."""
    url = f"{datasource['url'].rstrip('/')}/{path}?{query.decode()}"
    return session.request(
        method, url, data=body or None, headers={"Content-Type": content_type} if body else {}, timeout=TIMEOUT_SECONDS
    )


def health(session: requests.Session, datasource: dict[str, Any]) -> dict[str, Any]:
    """What "Save & test" says."""
    try:
        run(session, datasource, "1+1", time.time(), time.time(), 0)
    except ApiError as error:
        message = f"{error.body['message']} - There was an error returned querying the Prometheus API."
        raise ApiError(400, message, status="ERROR") from error
    return {"message": "Successfully queried the Prometheus API.", "status": "OK"}


def run(
    session: requests.Session, datasource: dict[str, Any], expression: str, start: float, end: float, step: float
) -> list[dict[str, Any]]:
    """Series of a query: an instant one at `end` where `step` is 0."""
    base = datasource["url"].rstrip("/")
    try:
        if step:
            parameters = {"query": expression, "start": start, "end": end, "step": step}
            answer = session.post(f"{base}/api/v1/query_range", data=parameters, timeout=TIMEOUT_SECONDS)
        else:
            answer = session.post(
                f"{base}/api/v1/query", data={"query": expression, "time": end}, timeout=TIMEOUT_SECONDS
            )
    except requests.RequestException as error:
        refused = f"dial tcp {urlsplit(base).netloc}: connect: connection refused"
        reason = refused if isinstance(error, requests.ConnectionError) else str(error)
        raise ApiError(400, f'Post "{base}/api/v1/query": {reason}') from error
    if answer.status_code != 200:
        raise ApiError(400, answer.text)
    data = answer.json()["data"]
    if data["resultType"] == "scalar":
        return [{"metric": {}, "values": [data["result"]], "type": data["resultType"]}]
    return [
        {"metric": series["metric"], "values": series.get("values") or [series["value"]], "type": data["resultType"]}
        for series in data["result"]
    ]


def legend(pattern: str, metric: dict[str, str]) -> str:
    """The name of a series as a panel shows it."""
    if not pattern or pattern == "__auto":
        name = metric.get("__name__", "")
        labels = ", ".join(f'{key}="{value}"' for key, value in sorted(metric.items()) if key != "__name__")
        return f"{name}{{{labels}}}" if labels else name or "Value"
    return _LABEL.sub(lambda match: metric.get(match[1], ""), pattern)


def frames(
    session: requests.Session, target: dict[str, Any], datasource: dict[str, Any], start: float, end: float
) -> list[dict[str, Any]]:
    """A panel target's answer as Grafana's data frames, each with times in milliseconds and the values of a series."""
    instant = bool(target.get("instant")) and not target.get("range")
    step = 0 if instant else max(float(target.get("intervalMs", 15000)) / 1000, (end - start) / 1000)
    interval = datasource["jsonData"].get("timeInterval", "15s")
    expression = str(target.get("expr", "")).replace("$__rate_interval", "1m").replace("$__interval", interval)
    made = []
    for series in run(session, datasource, expression, start, end, step):
        name = legend(target.get("legendFormat", ""), series["metric"])
        fields = [
            {"name": "Time", "type": "time", "typeInfo": {"frame": "time.Time"}},
            {
                "name": "Value",
                "type": "number",
                "typeInfo": {"frame": "float64"},
                "labels": series["metric"],
                "config": {"displayNameFromDS": name},
            },
        ]
        times = [int(float(moment) * 1000) for moment, _value in series["values"]]
        values = [float(value) for _moment, value in series["values"]]
        meta = {"custom": {"resultType": series["type"]}}
        schema = {"refId": target["refId"], "meta": meta, "fields": fields}
        made.append({"schema": schema, "data": {"values": [times, values]}})
    return made


def moment(text: str, now: float) -> float:
    """Seconds since the epoch of `now`, `now-5m` or milliseconds."""
    match = re.fullmatch(r"now(?:-(\d+)([smhd]))?", text)
    if match:
        return now - (int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]] if match[1] else 0)
    return float(text) / 1000
