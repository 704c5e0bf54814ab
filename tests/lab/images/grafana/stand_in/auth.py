"""Who makes a request. Five wrong passwords in five minutes lock a login, as Grafana's guard against guessing does."""

from __future__ import annotations

import time
from dataclasses import dataclass

from flask import Request

from stand_in.errors import ApiError
from stand_in.service_accounts import ServiceAccounts
from stand_in.tokens import Tokens
from stand_in.users import Users

TRIES = 5
WINDOW_SECONDS = 300
THE_ORGANISATION = 1


@dataclass(frozen=True)
class Caller:
    """A person by login, or a service account by id; without a role where another organisation is asked for."""

    role: str
    login: str = ""
    account: int = 0
    server_admin: bool = False


class Auth:
    """Basic authentication of people and Bearer authentication of service accounts."""

    def __init__(self, users: Users, accounts: ServiceAccounts, tokens: Tokens, basic: bool = True) -> None:
        self._users = users
        self._accounts = accounts
        self._tokens = tokens
        self._basic = basic
        self._wrong: dict[str, list[float]] = {}

    def check(self, request: Request) -> Caller:
        """The caller; the answer of a real server is raised where it is nobody."""
        kind, _space, key = request.headers.get("Authorization", "").partition(" ")
        if kind == "Bearer":
            return self._token_caller(key, _organisation(request))
        given = request.authorization
        if given is None or given.type != "basic" or not self._basic:
            raise ApiError(401, "Unauthorized", extra=None, messageId="auth.unauthorized", statusCode=401, traceID="")
        self.log_in(given.username or "", given.password or "")
        user = self._users.get(given.username or "")
        role = user["role"] if _organisation(request) == THE_ORGANISATION else ""
        return Caller(role, login=user["login"], server_admin=user["serverAdmin"])

    def log_in(self, login: str, password: str) -> None:
        """Raise the answer of a real server where login and password are not right, or the login is locked."""
        now = time.monotonic()
        wrong = [moment for moment in self._wrong.get(login, []) if now - moment < WINDOW_SECONDS]
        if self._users.knows(login, password) and len(wrong) < TRIES:
            return
        self._wrong[login] = wrong + [now]
        raise ApiError(
            401,
            "Invalid username or password",
            extra=None,
            messageId="password-auth.failed",
            statusCode=401,
            traceID="",
        )

    def unlock(self, login: str) -> None:
        """Forget the wrong passwords of a login."""
        self._wrong.pop(login, None)

    def _token_caller(self, key: str, organisation: int) -> Caller:
        account = self._accounts.get(self._tokens.owner(key))
        if account["isDisabled"]:
            raise ApiError(401, "Unauthorized", extra=None, messageId="identity.disabled", statusCode=401, traceID="")
        if organisation != THE_ORGANISATION:
            message = "API key does not belong to the requested organization"
            raise ApiError(
                401, message, extra=None, messageId="api-key.organization-mismatch", statusCode=401, traceID=""
            )
        return Caller(account["role"], account=account["id"])


def _organisation(request: Request) -> int:
    asked = request.args.get("orgId", 0, type=int) or request.headers.get("X-Grafana-Org-Id", 0, type=int)
    return asked or THE_ORGANISATION
