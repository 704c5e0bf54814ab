"""The routes of people, passwords, service accounts and tokens."""

from __future__ import annotations

from typing import Any

from flask import Flask, g, jsonify, request

from stand_in.auth import Auth
from stand_in.errors import ApiError
from stand_in.payload import body, number
from stand_in.service_accounts import ServiceAccounts
from stand_in.tokens import Tokens
from stand_in.users import Users


def add_access_routes(app: Flask, auth: Auth, users: Users, accounts: ServiceAccounts, tokens: Tokens) -> None:
    """Add them to the app."""

    @app.get("/api/user")
    def user() -> Any:
        if not g.caller.account:
            return users.shown(g.caller.login)
        account = accounts.get(g.caller.account)
        shown = {"id": 0, "uid": f"service-account:{account['id']}", "email": account["login"], "name": account["name"]}
        return {
            **shown,
            "login": account["login"],
            "orgId": 1,
            "isGrafanaAdmin": False,
            "isDisabled": False,
            "isExternal": False,
        }

    @app.get("/api/user/orgs")
    def organizations() -> Any:
        return jsonify([{"orgId": 1, "name": "Main Org.", "role": users.get(g.caller.login)["role"]}])

    @app.post("/api/user/using/<int:organization>")
    def use_organization(organization: int) -> Any:
        if organization != 1:
            raise ApiError(401, "Not a valid organization")
        return {"message": "Active organization changed"}

    @app.put("/api/user/password")
    def own_password() -> Any:
        return ("", 304) if g.caller.account else users.change_own_password(g.caller.login, body())

    @app.put("/api/admin/users/<int:identifier>/password")
    def password(identifier: int) -> Any:
        auth.unlock(users.change_password(identifier, body()))
        return {"message": "User password updated"}

    @app.get("/api/serviceaccounts/search")
    def search_accounts() -> Any:
        return accounts.search(request.args.get("query", ""), number("perpage", 1000), number("page", 1))

    @app.post("/api/serviceaccounts")
    def create_account() -> Any:
        return accounts.create(body()), 201

    @app.route("/api/serviceaccounts/<int:identifier>", methods=["GET", "PATCH", "DELETE"])
    def one_account(identifier: int) -> Any:
        if request.method == "GET":
            return accounts.get(identifier)
        return accounts.update(identifier, body()) if request.method == "PATCH" else accounts.delete(identifier)

    @app.route("/api/serviceaccounts/<int:identifier>/tokens", methods=["GET", "POST"])
    def account_tokens(identifier: int) -> Any:
        accounts.get(identifier)
        return jsonify(tokens.listed(identifier)) if request.method == "GET" else tokens.create(identifier, body())

    @app.delete("/api/serviceaccounts/<int:identifier>/tokens/<int:token>")
    def one_token(identifier: int, token: int) -> Any:
        accounts.get(identifier)
        return tokens.delete(identifier, token)
