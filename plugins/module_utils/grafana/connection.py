# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""From the connection options of a module to the HTTP client. Nothing is sent."""

from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import http_client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.declared import Connection
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError

REDIRECTS = 3


def connect(options: Connection) -> http_client.Client:
    """The HTTP client; raises GrafanaError for an option that cannot be right."""
    _check(options)
    # Some web application firewalls refuse requests without User-Agent.
    headers = {"Accept": "application/json", "User-Agent": "ansible-mlops.gpu_monitoring"}
    if options["org_id"] is not None:
        headers["X-Grafana-Org-Id"] = str(options["org_id"])
    try:
        return http_client.Client.of_module(options, options["username"], options["password"], headers, REDIRECTS)
    except http_client.BadUrl as error:
        url = http_client.shown_url(options["url"])
        raise GrafanaError(f"url: '{url}' is not a URL: {error}. Write it like http://127.0.0.1:3000.") from error
    except http_client.BadToken as error:
        raise GrafanaError(f"token: {error}. Give the token of a service account as Grafana showed it.") from error


def _check(options: Connection) -> None:
    if options["timeout"] < 1:
        raise GrafanaError(f"timeout: {options['timeout']} is not a valid time. Give 1 second or more.")
    if options["org_id"] is not None and options["org_id"] < 1:
        raise GrafanaError(f"org_id: {options['org_id']} is not an organization id. Give a number of 1 or more.")
    _check_login(options["username"], options["password"])
    if "@" in options["url"].partition("//")[2].partition("/")[0]:
        raise GrafanaError(
            "url: it has a username or a password, which Ansible would show."
            " Give them as username and password, or give token."
        )


def _check_login(username: Optional[str], password: Optional[str]) -> None:
    """Raise GrafanaError for what basic authentication cannot send, or Grafana would count as a wrong password."""
    if username is None:
        return
    if not username or ":" in username:
        problem = "has a colon, which basic authentication cannot send" if username else "is empty"
        raise GrafanaError(f"username: '{username}' {problem}. Give the login or the e-mail address of an account.")
    if not password:
        raise GrafanaError(f"password: empty for '{username}'. Give the account's password, or give token.")
