# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Why no answer of Grafana came, and what a person does about it. Pure."""

from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import http_client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError, NotReachable

# How OpenSSL, in its versions, calls an answer that is not TLS.
_NO_TLS = (
    "wrong_version_number",
    "wrong version number",
    "record_layer_failure",
    "record layer failure",
    "http_request",
)
_OTHER_NAME = ("hostname mismatch", "ip address mismatch")
# A 400 of Go, nginx and Apache to HTTP on a port of HTTPS, and of nginx to a client without a certificate.
_PLAIN_HTTP = ("http request to an https server", "plain http request was sent to https port", "speaking plain http")
_NO_CERTIFICATE = ("no required ssl certificate", "the ssl certificate error")


def lasting(error: http_client.HttpError, method: str, path: str, url: str) -> Optional[GrafanaError]:
    """The error if another try cannot help; None if it may."""
    if isinstance(error, http_client.BadFile):
        advice = f"Give {error.option} a PEM file on the host that runs the module."
        return NotReachable(f"{error.option}: {error}. {advice}")
    if isinstance(error, http_client.TlsRefused):
        return _refused_by_tls(str(error), url)
    if isinstance(error, http_client.RedirectRefused):
        way = "in a circle" if error.circle else f"to {error.target}"
        return GrafanaError(
            f"url: {url} redirects {method} {path} {way}. Set url to where Grafana is, with its sub-path."
        )
    if isinstance(error, http_client.BadUrl):
        return GrafanaError(f"use_proxy: {error}. Set http_proxy or https_proxy to a URL like http://proxy:3128.")
    if isinstance(error, http_client.BadBody):
        return GrafanaError(f"{method} {path} cannot be sent: {error}. Give a finite number or null.")
    return None


def _refused_by_tls(problem: str, url: str) -> GrafanaError:
    text = problem.lower()
    if any(words in text for words in _NO_TLS):
        return GrafanaError(f"url: {url} does not speak HTTPS. Write http:// in url, or give the port of HTTPS.")
    advice = "Set ca_path, client_cert and client_key, or validate_certs to false."
    if any(words in text for words in _OTHER_NAME):
        advice = "Write a name or address in url that the server's certificate has, or set validate_certs to false."
    elif "certificate has expired" in text:
        advice = "Renew the server's certificate, and check the clock of the host that runs the module."
    return GrafanaError(f"url: no trusted connection to {url}: {problem}. {advice}")


def misdirected(answer: http_client.Response, url: str) -> Optional[GrafanaError]:
    """The error if the answer says that the request has come to a port of HTTPS, or without a certificate."""
    text = answer.text.lower() if answer.status == 400 else ""
    if any(words in text for words in _PLAIN_HTTP):
        return GrafanaError(f"url: {url} speaks HTTPS. Write https:// in url, or give the port of HTTP.")
    if any(words in text for words in _NO_CERTIFICATE):
        return GrafanaError(
            f"client_cert: {url} asks for a client certificate that it trusts. Give client_cert and client_key."
        )
    return None


def after(seconds: int, problem: str, url: str, proxy: str, is_of_proxy: bool) -> GrafanaError:
    """The error if Grafana did not answer in time. A proxy that takes no connection says nothing about Grafana."""
    time = f"after {seconds} s: {problem}."
    advice = "Correct http_proxy, https_proxy or no_proxy in the module's environment, or set use_proxy to false."
    if is_of_proxy:
        return GrafanaError(f"use_proxy: no connection through the proxy {proxy} {time} {advice}")
    if proxy:
        return NotReachable(f"url: no Grafana answers at {url} through the proxy {proxy} {time} {advice}")
    return NotReachable(
        f"url: no Grafana answers at {url} {time} Check the address and that Grafana runs, or raise wait."
    )
