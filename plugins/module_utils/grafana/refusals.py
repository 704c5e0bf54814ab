# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What an answer with an error status means, and what a person does about the error. Pure."""

from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import http_client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import permission
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import (
    AccountDisabled,
    Conflict,
    Forbidden,
    GrafanaError,
    NotAllowed,
    NotReachable,
    TitleTaken,
    Unclear,
    WrongPassword,
)

GATEWAY = (502, 503, 504)
# Some releases of Grafana 9 answer 400 to a wrong password (pkg/services/authn/clients/password.go).
BAD_LOGINS = ("login-attempt.blocked", "password-auth.empty", "password-auth.failed", "password-auth.invalid")
# Grafana 12 answers 500 to these bad requests (pkg/registry/apis/folders/validate.go).
BAD_REQUESTS_WITH_500 = (
    *("max depth exceeded", "maximum folder depth", "maximum nested folder depth", "circular reference", "invalid uid"),
    "parent of itself",
)
LOCKS = (
    "Grafana locks an account after five wrong passwords in five minutes, and then refuses the right password too."
    " Correct the password before the next run."
)
NO_BASIC_AUTH = (
    "Basic authentication is disabled in Grafana, so no password was checked."
    " Set enabled to true in Grafana's section [auth.basic], or give the token of a service account."
)


@dataclass(frozen=True)
class Account:
    """Who asks. Without a username it is a token."""

    username: Optional[str]
    org_id: Optional[int]
    login_help: str

    def __str__(self) -> str:
        return f"username '{self.username}' and this password" if self.username else "this token"


@dataclass(frozen=True)
class Request:
    """What was asked, where, and through which proxy, if any."""

    method: str
    path: str
    url: str
    proxy: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def error(answer: http_client.Response, request: Request, account: Account) -> GrafanaError:
    """The error that an answer with the status 400 or higher stands for."""
    if not is_of_grafana(answer):
        return foreign(answer, request)
    message = _message(answer)
    if answer.status == 401 or _identifier(answer) in BAD_LOGINS:
        return _unauthorized(answer, message, request, account)
    if answer.status == 403 and "quota" in message.lower():
        return GrafanaError(
            f"{request} was answered with 403: {message}. Raise the quota in Grafana's section [quota]."
        )
    if answer.status == 403:
        denial = permission.named(message, request.method, request.path)
        return Forbidden(f"{request.url} forbids {account} {request}: {denial}. Use an account that may do it.")
    text = f"{request} was answered with {answer.status}: {message}"
    if answer.status in GATEWAY:
        return NotReachable(text)
    if answer.status == 412 and _status(answer) == "name-exists":
        return TitleTaken(text)
    if answer.status in (409, 412):
        return Conflict(text, answer.may_be_duplicate)
    is_bad_request = any(words in message.lower() for words in BAD_REQUESTS_WITH_500)
    may_have_written = answer.status == 500 and request.method != "GET" and not is_bad_request
    return Unclear(text, answer.may_be_duplicate) if may_have_written else GrafanaError(text)


def is_of_grafana(answer: http_client.Response) -> bool:
    """Whether Grafana can have sent the answer: its API sends JSON, and never asks for the credentials of a proxy."""
    return answer.status != 407 and ("json" in answer.headers.get("Content-Type", "") or _json(answer) is not None)


def kind(answer: http_client.Response) -> str:
    """The kind of content of an answer."""
    return answer.headers.get("Content-Type") or "no content type"


def foreign(answer: http_client.Response, request: Request) -> GrafanaError:
    """The error of an answer that something between here and Grafana gave."""
    sender = f"the proxy {request.proxy}" if request.proxy else "a proxy or web server in front of Grafana"
    url = f"{request.url}{request.path}"
    status = f"{answer.status} and {kind(answer)}"
    text = f"{request.method} {url} was answered with {status}, by {sender} and not by Grafana."
    if answer.status == 407:
        advice = "Give the proxy's credentials in the environment, as in http_proxy=http://user:password@proxy:3128."
        return NotAllowed(f"use_proxy: {text} {advice}")
    option, between = ("use_proxy", "the proxy") if request.proxy else ("url", "the proxy or web server")
    if answer.status == 401:
        return NotAllowed(f"{option}: {text} Let {between} pass Grafana's API without a login of its own.")
    advice = f"Check that {between} reaches Grafana and passes its API."
    if answer.status == 413:
        advice = (
            f"Let {between} pass larger bodies, as client_max_body_size of nginx does: a dashboard can have several MB."
        )
    return (NotReachable if answer.status in GATEWAY else GrafanaError)(f"{option}: {text} {advice}")


def may_be_of_organization(answer: http_client.Response, account: Account) -> bool:
    """Whether a missing organization or a disabled login may be the reason for the answer."""
    if account.username is None or not is_of_grafana(answer):
        return False
    return answer.status == 403 or (answer.status == 401 and account.org_id is not None and _is_without_login(answer))


def _is_without_login(answer: http_client.Response) -> bool:
    """Whether the username and password were not looked at.

    A wrong password and a locked account get "Invalid username or password" (pkg/services/authn/clients/password.go).
    """
    return _message(answer).lower() == "unauthorized" and _identifier(answer) != "identity.disabled"


def no_organization(org_id: int, organizations: list[Any], account: Account) -> Optional[NotAllowed]:
    """The error if the account is in other organizations than the one that was asked for."""
    if org_id in [organization.get("orgId") for organization in organizations]:
        return None
    names = [f"{organization.get('orgId')} ({organization.get('name')})" for organization in organizations]
    return NotAllowed(
        f"org_id: there is no organization {org_id}, or username '{account.username}' is not a member of it."
        f" Give one of the account's organizations: {', '.join(names) or 'none'}."
    )


def _unauthorized(answer: http_client.Response, message: str, request: Request, account: Account) -> NotAllowed:
    identifier = _identifier(answer)
    if identifier == "api-key.organization-mismatch" or "not belong to the requested organization" in message:
        return NotAllowed(
            f"org_id: this token is of another organization than {account.org_id}."
            " Leave org_id out, or give a token of the organization."
        )
    refusal = f"{request.url} refuses {account}: {message}."
    # Grafana 9 writes "Service account is disabled" (pkg/services/contexthandler/contexthandler.go).
    if identifier == "identity.disabled" or "account is disabled" in message.lower():
        return AccountDisabled(f"{refusal} The account is disabled. Enable the account in Grafana.")
    if not account.username:
        return NotAllowed(f"{refusal} Create another token in Grafana. {account.login_help}".rstrip())
    if _is_without_login(answer):
        return NotAllowed(f"{refusal} {NO_BASIC_AUTH}")
    kept = "The password given first is the one that counts until it is changed in Grafana."
    return WrongPassword(f"{refusal} {kept} {LOCKS} {account.login_help}".rstrip())


def _json(answer: http_client.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _message(answer: http_client.Response) -> str:
    body = _json(answer)
    if body is None:
        return "no reason given" if not answer.body.strip() else "an answer that is not JSON"
    results = body.get("results") if isinstance(body, dict) else None
    if isinstance(results, dict):
        # Queries of panels: each has an error of its own (pkg/api/ds_query.go).
        errors = [
            str(result["error"]) for result in results.values() if isinstance(result, dict) and result.get("error")
        ]
        return "; ".join(errors) or "no reason given"
    return str(body.get("message", body)) if isinstance(body, dict) else str(body)


def _identifier(answer: http_client.Response) -> str:
    """Grafana's own name of the error."""
    body = _json(answer)
    return str(body.get("messageId") or "") if isinstance(body, dict) else ""


def _status(answer: http_client.Response) -> str:
    """Grafana's own name of the error of a dashboard (pkg/services/dashboards/errors.go)."""
    body = _json(answer)
    return str(body.get("status") or "") if isinstance(body, dict) else ""
