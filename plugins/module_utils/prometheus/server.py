# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Requests to Prometheus or Alertmanager, and what they say when they refuse one."""

import os
from collections.abc import Mapping
from http.client import responses
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import http_client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.errors import NotReady, PrometheusError

# 422: the query failed on the data there is, as when two series match where one may.
# 503: the server starts, or gave up on time.
_ANOTHER_TRY_MAY_DO = (422, 429, 500, 502, 503, 504)
# What a server in Go says (https://github.com/golang/go/blob/master/src/net/http/server.go).
_NEEDS_TLS = "Client sent an HTTP request to an HTTPS server"


class Connection(http_client.Options):
    """The options of the documentation fragment `prometheus`."""

    url_username: Optional[str]
    url_password: Optional[str]


class Server:
    """One server. `name` is what people call it, `option` is the option that the error of a bad request names."""

    def __init__(self, name: str, port: int, option: str, options: Connection) -> None:
        if options["timeout"] < 1:
            raise PrometheusError(f"timeout: {options['timeout']} is not a valid time. Give 1 second or more.")
        for file_option, path in (
            ("ca_path", options["ca_path"]),
            ("client_cert", options["client_cert"]),
            ("client_key", options["client_key"]),
        ):
            if path is not None and not os.path.isfile(path):
                raise PrometheusError(
                    f"{file_option}: there is no file {path}. Name an existing file on the host that runs the module."
                )
        try:
            self._http = http_client.Client.of_module(
                options, options["url_username"], options["url_password"], {"Accept": "application/json"}
            )
        except http_client.BadUrl as error:
            url = http_client.shown_url(options["url"])
            raise PrometheusError(
                f"url: '{url}' is not a URL: {error}. Write it like http://127.0.0.1:{port}."
            ) from error
        except http_client.BadToken as error:
            raise PrometheusError(f"token: {error}. Give the unchanged token.") from error
        self.url = self._http.url
        self._name = name
        self._option = option

    def send(
        self,
        method: str,
        path: str,
        body: Optional[bytes] = None,
        headers: Optional[Mapping[str, str]] = None,
        json_body: Any = None,
    ) -> http_client.Response:
        """The answer, which is a good one. Raises PrometheusError, or NotReady if another try may do."""
        try:
            answer = self._http.request(method, path, body, headers, json_body=json_body)
        except http_client.HttpError as error:
            raise self._no_answer(error) from error
        if answer.status >= 300:
            raise self._refusal(answer, path)
        return answer

    def _refusal(self, answer: http_client.Response, path: str) -> PrometheusError:
        status, reason = answer.status, _reason(answer)
        if status < 400:
            target = answer.headers.get("Location", "nowhere")
            return PrometheusError(f"url: {self.url} redirects to {target}. Set url to where {self._name} is.")
        if status in (401, 403):
            advice = "Set url_username and url_password, or token, that it takes."
            return PrometheusError(f"{self.url} refuses the request with {status}: {reason}. {advice}")
        if status == 404:
            advice = "Add a missing sub-path, or check which program listens there."
            return PrometheusError(f"url: there is no {path} at {self.url}. {advice}")
        if status == 400 and _NEEDS_TLS in reason:
            return PrometheusError(f"url: {self._name} at {self.url} speaks TLS. Begin url with https://.")
        if status == 400:
            return PrometheusError(f"{self._option}: {self._name} at {self.url} cannot read it: {reason}.")
        kind = NotReady if status in _ANOTHER_TRY_MAY_DO else PrometheusError
        return kind(f"{self._name} at {self.url} answers {path} with {status}: {reason}.")

    def _no_answer(self, error: http_client.HttpError) -> PrometheusError:
        if isinstance(error, http_client.TlsRefused):
            advice = "Set ca_path, client_cert and client_key, or validate_certs to false."
            return PrometheusError(f"url: no trusted connection to {self.url}: {error}. {advice}")
        if isinstance(error, http_client.BadFile):
            advice = f"Give {error.option} a PEM file on the host that runs the module."
            return PrometheusError(f"{error.option}: {error}. {advice}")
        if isinstance(error, http_client.BadUrl):
            advice = "Set http_proxy or https_proxy to a URL like http://proxy:3128."
            return PrometheusError(f"use_proxy: {error}. {advice}")
        return NotReady(
            f"url: no {self._name} answers at {self.url}: {error}. Check the address and that {self._name} runs."
        )


def _reason(answer: http_client.Response) -> str:
    """The server's message for an error, its first 500 characters.

    Alertmanager answers with a text or, if the request has not the form of its API, with a `message`.
    """
    try:
        body = answer.json()
        return str(body if isinstance(body, str) else body.get("error") or body["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return " ".join(answer.text.split())[:500] or responses.get(answer.status, "no reason")
