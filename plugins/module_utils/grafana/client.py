# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The only place that talks HTTP to Grafana (https://grafana.com/docs/grafana/latest/developers/http_api/)."""

import itertools
import time
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import http_client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Hit, Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.declared import Connection
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import (
    Conflict,
    Forbidden,
    GrafanaError,
    NotAllowed,
    NotReachable,
)

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

    def __init__(self, options: Connection) -> None:
        if options["timeout"] < 1:
            raise GrafanaError(f"timeout: {options['timeout']} is no time to wait. Give 1 second or more.")
        self._username, self._login_help = options["username"], options["login_help"] or ""
        headers = {"Accept": "application/json"}
        if options["org_id"] is not None:
            headers["X-Grafana-Org-Id"] = str(options["org_id"])
        try:
            self._http = http_client.Client(
                options["url"],
                timeout=options["timeout"],
                ca_path=options["ca_path"],
                validate_certs=options["validate_certs"],
                client_cert=options["client_cert"],
                client_key=options["client_key"],
                username=self._username,
                password=options["password"],
                token=options["token"],
                headers=headers,
                use_proxy=options["use_proxy"],
                redirects=REDIRECTS,
                retries=http_client.Retries(TRIES, PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, RETRY_STATUS, also=_is_locked),
            )
        except http_client.BadUrl as error:
            raise GrafanaError(f"url: '{options['url']}' is not a URL: {error}. Write it like http://127.0.0.1:3000.") from error
        except http_client.BadToken as error:
            raise GrafanaError(f"token: {error}. Give the token of a service account as Grafana showed it.") from error

    @property
    def url(self) -> str:
        """Where Grafana is: the address that was given, or the one that the server redirects to."""
        return self._http.url

    @property
    def count(self) -> int:
        """Number of requests that were sent."""
        return self._http.count

    def wait(self, seconds: int) -> str:
        """Wait until Grafana and its database answer; returns Grafana's version, empty where the server hides it."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                answer = self._send("GET", "/api/health", tries=1)
                if answer.status == 200:
                    return str(_json(answer, "GET", "/api/health").get("version", ""))
                if answer.status == 401:
                    self._decode(answer, "GET", "/api/health")
                problem = f"HTTP {answer.status}"
                if answer.status == 404:
                    problem += ", as if the sub-path were missing or wrong"
            except (http_client.NotReachable, http_client.ProtocolError) as error:
                problem = str(error)
            if time.monotonic() >= deadline:
                raise NotReachable(
                    f"url: no Grafana answers at {self.url} after {seconds} s: {problem}."
                    " Check the address and that Grafana runs, or raise wait."
                )
            time.sleep(min(1.0, max(0.1, deadline - time.monotonic())))

    def get(self, path: str) -> Any:
        """GET `path`."""
        return self._request("GET", path)

    def search(self, kind: str = "") -> list[Hit]:
        """All pages of what Grafana's search finds: of the kind `dash-db` or `dash-folder`, or both."""
        every: list[Hit] = []
        chosen = f"&type={kind}" if kind else ""
        for page in itertools.count(1):
            hits = self.get(f"/api/search?limit={PAGE}&page={page}{chosen}") or []
            every += hits
            if len(hits) < PAGE:
                break
        return every

    def post(self, path: str, body: Json, tries: int = TRIES) -> Any:
        """POST `body`."""
        return self._request("POST", path, body, tries)

    def put(self, path: str, body: Json) -> Any:
        """PUT `body`."""
        return self._request("PUT", path, body)

    def patch(self, path: str, body: Json) -> Any:
        """PATCH `body`."""
        return self._request("PATCH", path, body)

    def delete(self, path: str) -> Any:
        """DELETE `path`."""
        return self._request("DELETE", path)

    def _send(self, method: str, path: str, body: Optional[Json] = None, tries: int = TRIES) -> http_client.Response:
        """The answer to a request. Raises GrafanaError where another try cannot help, and the HTTP client's error where it may."""
        try:
            return self._http.request(method, path, json_body=body, retries=None if tries == TRIES else http_client.Retries(tries))
        except http_client.BadFile as error:
            advice = f"Give {error.option} a PEM file on the host that runs the module."
            raise NotReachable(f"{error.option}: {error}. {advice}") from error
        except http_client.TlsRefused as error:
            advice = "Set ca_path, client_cert and client_key, or validate_certs to false."
            raise GrafanaError(f"url: no trusted connection to {self.url}: {error}. {advice}") from error
        except http_client.RedirectRefused as error:
            way = "in a circle" if error.circle else f"to {error.target}"
            advice = "Set url to where Grafana is, with its sub-path."
            raise GrafanaError(f"url: {self.url} redirects {method} {path} {way}. {advice}") from error
        except http_client.BadUrl as error:
            raise GrafanaError(f"use_proxy: {error}. Set http_proxy or https_proxy to a URL like http://proxy:3128.") from error

    def _request(self, method: str, path: str, body: Optional[Json] = None, tries: int = TRIES) -> Any:
        try:
            answer = self._send(method, path, body, tries)
        except http_client.HttpError as error:
            raise NotReachable(f"{method} {self.url}{path}: {error}") from error
        return self._decode(answer, method, path)

    def _decode(self, answer: http_client.Response, method: str, path: str) -> Any:
        status = answer.status
        if status == 404 and "json" in answer.headers.get("Content-Type", "json"):
            return None
        if status == 204:
            return {}
        if status < 300:
            return _json(answer, method, path)
        message = _message(answer)
        if status == 401:
            advice = (
                "The password given first is the one that counts until it is changed in Grafana."
                " Correct it before another try: Grafana locks an account after five wrong passwords in five minutes."
                if self._username
                else "Make a new one."
            )
            raise NotAllowed(f"{self.url} refuses {self._who()}: {message}. {advice} {self._login_help}".rstrip())
        if status == 403:
            raise Forbidden(f"{self.url} forbids {self._who()} {method} {path}: {message}. Use an account that may do it.")
        unclear = status in (409, 412) or (status == 500 and method != "GET")
        raise (Conflict if unclear else GrafanaError)(f"{method} {path} was answered with {status}: {message}")

    def _who(self) -> str:
        return f"username '{self._username}' and this password" if self._username else "this token"


def _is_locked(answer: http_client.Response) -> bool:
    """Whether the server's SQLite database was busy with another write."""
    return answer.status == 500 and LOCKED in answer.text


def _json(answer: http_client.Response, method: str, path: str) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        kind = answer.headers.get("Content-Type", "no content type")
        raise GrafanaError(
            f"url: {method} {answer.url} was answered with {kind} instead of JSON."
            " Is there a proxy or a login page in between, or is a sub-path missing?"
        ) from error


def _message(answer: http_client.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return f"an answer that is not JSON ({answer.headers.get('Content-Type', 'no content type')})"
    return str(body.get("message", body)) if isinstance(body, dict) else str(body)
