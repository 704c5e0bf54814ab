# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The only place that talks HTTP to Grafana (https://grafana.com/docs/grafana/latest/developers/http_api/)."""

import random
import time
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError, NotAllowed, NotReachable

try:
    import requests
except ImportError:
    HAS_REQUESTS = False
else:
    HAS_REQUESTS = True

TRIES = 5
RETRY_STATUS = (429, 502, 503, 504)
LOCKED = "database is locked"


class Client:
    """One connection to one Grafana. Every method returns the decoded answer; None stands for 404."""

    def __init__(
        self,
        url: str,
        username: Optional[str] = None,
        password: Optional[str] = None,
        token: Optional[str] = None,
        org_id: Optional[int] = None,
        verify: Any = True,
        timeout: int = 10,
    ) -> None:
        self.url = url.rstrip("/")
        self.username = username
        self.timeout = timeout
        self.count = 0
        self._session = requests.Session()
        self._session.verify = verify
        self._session.auth = _Bearer(token) if token else (username, password)
        self._session.headers.update({"Accept": "application/json"})
        if org_id is not None:
            self._session.headers["X-Grafana-Org-Id"] = str(org_id)

    def wait(self, seconds: int) -> str:
        """Wait until Grafana and its database answer; returns Grafana's version, empty where the server hides it."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                answer = self._send("GET", "/api/health")
                if answer.status_code == 200:
                    return str(_json(answer, "GET", "/api/health").get("version", ""))
                problem = f"HTTP {answer.status_code}"
            except requests.exceptions.SSLError as error:
                raise GrafanaError(
                    f"url: {self.url} has a certificate that is not trusted: {error}. Set ca_path, or validate_certs to false."
                ) from error
            except requests.exceptions.InvalidURL as error:
                raise GrafanaError(f"url: '{self.url}' is not a URL. Write it like http://127.0.0.1:3000.") from error
            except requests.exceptions.RequestException as error:
                problem = _reason(error)
            if time.monotonic() >= deadline:
                raise NotReachable(
                    f"url: no Grafana answers at {self.url} after {seconds} s: {problem}. Check the address and that Grafana runs, or raise wait."
                )
            time.sleep(min(1.0, max(0.1, deadline - time.monotonic())))

    def get(self, path: str) -> Any:
        """GET `path`."""
        return self._request("GET", path)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """POST `body`. Retried only where the server says that it did nothing."""
        return self._request("POST", path, body)

    def put(self, path: str, body: dict[str, Any]) -> Any:
        """PUT `body`."""
        return self._request("PUT", path, body)

    def delete(self, path: str) -> Any:
        """DELETE `path`."""
        return self._request("DELETE", path)

    def _send(self, method: str, path: str, body: Optional[dict[str, Any]] = None) -> Any:
        self.count += 1
        return self._session.request(method, self.url + path, json=body, timeout=self.timeout, allow_redirects=method == "GET")

    def _request(self, method: str, path: str, body: Optional[dict[str, Any]] = None) -> Any:
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            try:
                answer = self._send(method, path, body)
            except requests.exceptions.RequestException as error:
                if last or method == "POST":
                    raise NotReachable(f"{method} {self.url}{path}: {_reason(error)}") from error
            else:
                busy = answer.status_code in RETRY_STATUS or (answer.status_code == 500 and LOCKED in answer.text)
                if last or not busy:
                    return self._decode(answer, method, path)
            time.sleep(0.2 * 2**attempt * random.uniform(0.5, 1.5))
        raise AssertionError("unreachable")

    def _decode(self, answer: Any, method: str, path: str) -> Any:
        status = answer.status_code
        if status == 404:
            return None
        if status < 300:
            return _json(answer, method, path)
        if status < 400:
            location = answer.headers.get("Location", "")
            raise GrafanaError(f"url: {self.url} redirects {method} {path} to {location}. Set url to where it leads, with its sub-path.")
        message = _message(answer)
        if status == 401:
            who = f"username '{self.username}' and this password" if self.username else "this token"
            raise NotAllowed(
                f"{self.url} refuses {who}: {message}. The password given first is the one that counts until it is changed in Grafana."
                " Mend it before trying again: Grafana locks an account after five wrong passwords in five minutes."
            )
        if status == 403:
            raise NotAllowed(f"{self.url} forbids {method} {path}: {message}. Use an account that may administer this organization.")
        raise GrafanaError(f"{method} {path} was answered with {status}: {message}")


class _Bearer:
    """Puts a token into each request, and keeps requests from reading ~/.netrc."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _reason(error: Exception) -> str:
    text = str(error)
    if "Connection refused" in text:
        return "connection refused"
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer in time"
    return text


def _json(answer: Any, method: str, path: str) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        kind = answer.headers.get("Content-Type", "no content type")
        raise GrafanaError(
            f"url: {method} {answer.url} was answered with {kind} instead of JSON. Is there a proxy or a login page in between, or is a sub-path missing?"
        ) from error


def _message(answer: Any) -> str:
    try:
        body = answer.json()
    except ValueError:
        return f"an answer that is not JSON ({answer.headers.get('Content-Type', 'no content type')})"
    return str(body.get("message", body)) if isinstance(body, dict) else str(body)
