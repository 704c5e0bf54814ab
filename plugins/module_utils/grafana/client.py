# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The only place that talks HTTP to Grafana (https://grafana.com/docs/grafana/latest/developers/http_api/)."""

import itertools
import random
import time
from typing import Any, Optional
from urllib.parse import urljoin, urlsplit

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import Conflict, GrafanaError, NotAllowed, NotReachable

try:
    import requests
except ImportError:
    HAS_REQUESTS = False
else:
    HAS_REQUESTS = True

TRIES = 6
PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
REDIRECTS = 3
PAGE = 5000
RETRY_STATUS = (429, 502, 503, 504)
LOCKED = "database is locked"


class Client:
    """One connection to one Grafana. Every method returns the decoded answer; None stands for 404.

    `options` are those of the documentation fragment `grafana`. Requests are repeated after 429, 502, 503, 504, a broken connection and a
    locked database, with a growing pause. A write that was repeated may meet its own first try: that is a Conflict, to be settled by reading.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        if options["timeout"] < 1:
            raise GrafanaError(f"timeout: {options['timeout']} is no time to wait. Give 1 second or more.")
        self.url = options["url"].rstrip("/")
        self.count = 0
        self._username = options["username"]
        self._timeout = options["timeout"]
        self._session = requests.Session()
        # Given with each request, since requests prefers REQUESTS_CA_BUNDLE of the environment to what a session says.
        self._verify = (options["ca_path"] or True) if options["validate_certs"] else False
        if options["client_cert"]:
            self._session.cert = (options["client_cert"], options["client_key"]) if options["client_key"] else options["client_cert"]
        self._session.auth = _Bearer(_token(options["token"])) if options["token"] is not None else (_utf8(self._username), _utf8(options["password"]))
        self._session.headers.update({"Accept": "application/json"})
        if options["org_id"] is not None:
            self._session.headers["X-Grafana-Org-Id"] = str(options["org_id"])

    def wait(self, seconds: int) -> str:
        """Wait until Grafana and its database answer; returns Grafana's version, empty where the server hides it."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                answer = self._send("GET", "/api/health")
                if answer.status_code == 200:
                    return str(_json(answer, "GET", "/api/health").get("version", ""))
                if answer.status_code == 401:
                    self._decode(answer, "GET", "/api/health")
                problem = f"HTTP {answer.status_code}" + (", as if the sub-path were missing or wrong" if answer.status_code == 404 else "")
            except OSError as error:
                self._refuse(error)
                problem = _reason(error)
            if time.monotonic() >= deadline:
                raise NotReachable(
                    f"url: no Grafana answers at {self.url} after {seconds} s: {problem}. Check the address and that Grafana runs, or raise wait."
                )
            time.sleep(min(1.0, max(0.1, deadline - time.monotonic())))

    def get(self, path: str) -> Any:
        """GET `path`."""
        return self._request("GET", path)

    def search(self, kind: str = "") -> list[dict[str, Any]]:
        """All pages of what Grafana's search finds: of the kind `dash-db` or `dash-folder`, or both."""
        found: list[dict[str, Any]] = []
        chosen = f"&type={kind}" if kind else ""
        for page in itertools.count(1):
            hits = self.get(f"/api/search?limit={PAGE}&page={page}{chosen}") or []
            found += hits
            if len(hits) < PAGE:
                break
        return found

    def post(self, path: str, body: dict[str, Any], tries: int = TRIES) -> Any:
        """POST `body`."""
        return self._request("POST", path, body, tries)

    def put(self, path: str, body: dict[str, Any]) -> Any:
        """PUT `body`."""
        return self._request("PUT", path, body)

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """PATCH `body`."""
        return self._request("PATCH", path, body)

    def delete(self, path: str) -> Any:
        """DELETE `path`."""
        return self._request("DELETE", path)

    def _send(self, method: str, path: str, body: Optional[dict[str, Any]] = None) -> Any:
        """One request, and where the server redirects it on its own host, the same method again there."""
        for _redirect in range(REDIRECTS + 1):
            self.count += 1
            answer = self._session.request(
                method, self.url + path, json=body, timeout=self._timeout, verify=self._verify, allow_redirects=False
            )
            if answer.status_code not in (301, 302, 307, 308):
                return answer
            self._follow(urljoin(answer.url, answer.headers.get("Location", "")), method, path)
        raise GrafanaError(f"url: {self.url} redirects {method} {path} in a circle. Set url to where Grafana is, with its sub-path.")

    def _follow(self, target: str, method: str, path: str) -> None:
        here, there = urlsplit(self.url), urlsplit(target)
        safe = here.hostname == there.hostname and not (here.scheme == "https" and there.scheme == "http")
        if not safe or not target.endswith(path):
            raise GrafanaError(f"url: {self.url} redirects {method} {path} to {target}. Set url to where Grafana is, with its sub-path.")
        self.url = target[: -len(path)]

    def _request(self, method: str, path: str, body: Optional[dict[str, Any]] = None, tries: int = TRIES) -> Any:
        for attempt in range(1, tries + 1):
            pause = PAUSE_SECONDS * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)
            try:
                answer = self._send(method, path, body)
            except OSError as error:
                self._refuse(error)
                if attempt == tries:
                    raise NotReachable(f"{method} {self.url}{path}: {_reason(error)}") from error
            else:
                busy = answer.status_code in RETRY_STATUS or (answer.status_code == 500 and LOCKED in answer.text)
                if attempt == tries or not busy:
                    return self._decode(answer, method, path)
                pause = max(pause, _retry_after(answer))
            time.sleep(min(pause, LONGEST_PAUSE_SECONDS))
        raise AssertionError("unreachable")

    def _refuse(self, error: Exception) -> None:
        """Raise where another try cannot help."""
        if not isinstance(error, requests.exceptions.RequestException):
            raise NotReachable(f"ca_path, client_cert, client_key: {error}. Name files that are there.") from error
        if isinstance(error, requests.exceptions.SSLError):
            raise GrafanaError(
                f"url: no trusted connection to {self.url}: {error}. Set ca_path, client_cert and client_key, or validate_certs to false."
            ) from error
        if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema)):
            raise GrafanaError(f"url: '{self.url}' is not a URL. Write it like http://127.0.0.1:3000.") from error

    def _decode(self, answer: Any, method: str, path: str) -> Any:
        status = answer.status_code
        if status == 404 and "json" in answer.headers.get("Content-Type", "json"):
            return None
        if status < 300:
            return _json(answer, method, path)
        message = _message(answer)
        if status == 401:
            advice = (
                "The password given first is the one that counts until it is changed in Grafana."
                " Mend it before trying again: Grafana locks an account after five wrong passwords in five minutes."
                if self._username
                else "Make a new one."
            )
            raise NotAllowed(f"{self.url} refuses {self._who()}: {message}. {advice}")
        if status == 403:
            raise GrafanaError(f"{self.url} forbids {self._who()} {method} {path}: {message}. Use an account that may do it.")
        unclear = status in (409, 412) or (status == 500 and method != "GET")
        raise (Conflict if unclear else GrafanaError)(f"{method} {path} was answered with {status}: {message}")

    def _who(self) -> str:
        return f"username '{self._username}' and this password" if self._username else "this token"


class _Bearer:
    """Puts a token into each request, and keeps requests from reading ~/.netrc."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _token(given: str) -> str:
    """The token, without the end of line that files have."""
    token = given.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise GrafanaError("token: empty, or with characters that no token has. Give the token of a service account as Grafana showed it.")
    return token


def _utf8(text: str) -> bytes:
    """As requests would not encode it by itself: it takes Latin-1."""
    return text.encode("utf-8")


def _reason(error: Exception) -> str:
    text = str(error)
    if "Connection refused" in text:
        return "connection refused"
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer in time"
    return text


def _retry_after(answer: Any) -> float:
    """Seconds that the server asks to wait; a date counts as none."""
    asked = answer.headers.get("Retry-After", "")
    return float(asked) if asked.isdigit() else 0.0


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
