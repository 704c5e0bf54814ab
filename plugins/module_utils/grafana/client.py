# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The only place that talks HTTP to Grafana (https://grafana.com/docs/grafana/latest/developers/http_api/)."""

import copy
import itertools
import time
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import http_client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import (
    connection,
    parallel,
    refusals,
    retries,
    unreachable,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Hit, Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.declared import Connection
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import (
    GrafanaError,
    NotAllowed,
    NotReachable,
)

MOST_READERS = 4
PATHS_PER_READER = 8
PAGE = 5000
HEALTH = "/api/health"


class Client:
    """The connection to one Grafana. Every method returns the decoded answer; None stands for 404.

    `options` are those of the documentation fragment `grafana`. A write that was repeated may meet its own first try:
    that is a Conflict, to be settled by reading.
    """

    def __init__(self, options: Connection) -> None:
        self._http = connection.connect(options)
        self._account = refusals.Account(options["username"], options["org_id"], options["login_help"] or "")
        self._login_is_checked = False
        self._web_settings: Optional[Json] = None

    @property
    def url(self) -> str:
        """Where Grafana is: the address that was given, or the one that the server redirects to."""
        return self._http.url

    @property
    def count(self) -> int:
        """Number of requests that were sent."""
        return self._http.count

    def wait(self, seconds: int) -> str:
        """Wait until Grafana and its database answer; returns Grafana's version, empty if the server hides it."""
        deadline = time.monotonic() + seconds
        while True:
            is_of_proxy = False
            try:
                answer = self._send("GET", HEALTH, tries=1)
                if answer.status == 200:
                    return _version(answer)
                if answer.status in (401, 407):
                    self._decode(answer, "GET", HEALTH)
                misdirected = unreachable.misdirected(answer, self.url)
                if misdirected:
                    raise misdirected
                problem = f"HTTP {answer.status}"
                if not refusals.is_of_grafana(answer):
                    problem += f" and {refusals.kind(answer)}, which is not Grafana's answer"
                if answer.status == 404:
                    problem += ", as if the sub-path were missing or wrong"
            except (http_client.NotReachable, http_client.ProtocolError) as error:
                problem = str(error)
                is_of_proxy = bool(self._http.proxy) and isinstance(error, http_client.NotReachable) and not error.sent
            if time.monotonic() >= deadline:
                raise unreachable.after(seconds, problem, self.url, self._http.proxy, is_of_proxy)
            time.sleep(min(1.0, max(0.1, deadline - time.monotonic())))

    def get(self, path: str) -> Any:
        """GET `path`."""
        return self._request("GET", path)

    def get_if_allowed(self, path: str) -> Any:
        """GET `path`; None also if the server does not give it, such as to an account without the permission."""
        try:
            return self.get(path)
        except (NotAllowed, NotReachable):
            raise
        except GrafanaError:
            return None

    def web_settings(self) -> Json:
        """The settings that the web pages get; empty if the server does not give them. They are read once."""
        if self._web_settings is None:
            answer = self.get_if_allowed("/api/frontend/settings")
            self._web_settings = answer if isinstance(answer, dict) else {}
        return self._web_settings

    def get_each(self, paths: list[str]) -> list[Any]:
        """GET every path; a GrafanaError stands for what cannot be read. Many paths are read over several connections.

        Raises NotAllowed and NotReachable. Less than five requests are then under way, since Grafana locks a login
        after five wrong passwords.
        """
        readers = min(MOST_READERS, max(1, len(paths) // PATHS_PER_READER))
        others = [self._beside() for _reader in range(readers - 1)]
        try:
            return parallel.each([self.get, *(other.get for other in others)], paths, _is_tolerated)
        finally:
            for other in others:
                self._http.count += other._http.count
                other._http.close()

    def _beside(self) -> Client:
        other = copy.copy(self)
        other._http = self._http.beside()
        return other

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

    def post(self, path: str, body: Json, tries: int = retries.TRIES) -> Any:
        """POST `body`."""
        return self._request("POST", path, body, tries)

    def put(self, path: str, body: Json) -> Any:
        """PUT `body`."""
        return self._request("PUT", path, body)

    def patch(self, path: str, body: Json) -> Any:
        """PATCH `body`."""
        return self._request("PATCH", path, body)

    def delete(self, path: str) -> bool:
        """DELETE `path`; returns whether this removed it, and not somebody else before."""
        return self._request("DELETE", path) is not None

    def pause(self, attempt: int) -> None:
        """Wait after an attempt to write that failed on the server, the first being number 1: longer each time."""
        time.sleep(retries.pause(attempt))

    def _send(
        self,
        method: str,
        path: str,
        body: Optional[Json] = None,
        tries: int = retries.TRIES,
        headers: Optional[dict[str, str]] = None,
    ) -> http_client.Response:
        """The answer to a request. Raises GrafanaError if another try cannot help, and the HTTP client's error if
        it may.
        """
        policy = retries.policy(method, path, tries)
        try:
            return self._http.request(method, path, headers=headers, json_body=body, retries=policy)
        except http_client.HttpError as error:
            lasting = unreachable.lasting(error, method, path, self.url)
            if lasting:
                raise lasting from error
            raise

    def _request(self, method: str, path: str, body: Optional[Json] = None, tries: int = retries.TRIES) -> Any:
        try:
            answer = self._send(method, path, body, tries)
        except http_client.HttpError as error:
            through = f" through the proxy {self._http.proxy}" if self._http.proxy else ""
            raise NotReachable(f"{method} {self.url}{path}{through}: {error}") from error
        return self._decode(answer, method, path)

    def _decode(self, answer: http_client.Response, method: str, path: str) -> Any:
        if answer.status == 404 and (refusals.is_of_grafana(answer) or not answer.body):
            return {} if method == "DELETE" and answer.may_be_duplicate else None
        if answer.status < 300:
            # A write needs no body to have been done, nor a whole one.
            is_done = method != "GET" and (not answer.body.strip() or retries.is_cut(answer))
            return {} if is_done else _json(answer, method, path)
        if refusals.may_be_of_organization(answer, self._account):
            self._check_login()
        raise refusals.error(answer, refusals.Request(method, path, self.url, self._http.proxy), self._account)

    def _check_login(self) -> None:
        """Raise NotAllowed if 403 does not mean a missing permission, or 401 a login that was not looked at.

        Grafana also answers so if the organization does not exist, and if basic authentication is disabled and
        anonymous access enabled. The list of the account's organizations needs a login and no permission; it is read
        once.
        """
        if self._login_is_checked:
            return
        self._login_is_checked = True
        path = "/api/user/orgs"
        try:
            # Organization 0 is the account's current one.
            answer = self._send("GET", path, tries=1, headers={"X-Grafana-Org-Id": "0"})
        except http_client.HttpError:
            return
        if answer.status == 401 and refusals.is_of_grafana(answer):
            raise refusals.error(answer, refusals.Request("GET", path, self.url, self._http.proxy), self._account)
        if answer.status != 200 or self._account.org_id is None:
            return
        organizations = _json(answer, "GET", path)
        missing = refusals.no_organization(self._account.org_id, organizations or [], self._account)
        if missing:
            raise missing


def _is_tolerated(error: Exception) -> bool:
    """Whether other objects can be read after this error."""
    return isinstance(error, GrafanaError) and not isinstance(error, (NotAllowed, NotReachable))


def _version(answer: http_client.Response) -> str:
    health = _json(answer, "GET", HEALTH)
    if not isinstance(health, dict):
        raise GrafanaError(
            f"url: {answer.url} is not answered by Grafana. Set url to where Grafana is, with its sub-path."
        )
    return str(health.get("version") or "")


def _json(answer: http_client.Response, method: str, path: str) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        kind = answer.headers.get("Content-Type", "no content type")
        raise GrafanaError(
            f"url: {method} {answer.url} was answered with {kind} instead of JSON."
            " Check for a proxy or a login page in between, and for a missing sub-path."
        ) from error
