"""The stand-in's routes."""

from __future__ import annotations

import time
from typing import Any

import requests
from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException

from stand_in import apis, pages, permissions, plugins, query
from stand_in.access_routes import add_access_routes
from stand_in.auth import Auth
from stand_in.dashboards import Dashboards
from stand_in.datasources import Datasources
from stand_in.encryption import Encryption
from stand_in.errors import ApiError
from stand_in.folders import Folders
from stand_in.library_elements import LibraryElements, add_library_routes
from stand_in.payload import body, number
from stand_in.search import DASHBOARD, Search, Wanted
from stand_in.service_accounts import ServiceAccounts
from stand_in.store import Store
from stand_in.tokens import Tokens
from stand_in.users import Users

VERSION = "12.4.0"
OPEN = ("/api/health", "/healthz", "/login", "/")


def create_app(
    store: Store, user: str, password: str, secret_key: str = "", basic_auth: bool = True, version: str = VERSION
) -> Flask:
    """The stand-in on a store, with an administrator whose password counts until it is changed."""
    app = Flask(__name__)
    encryption = Encryption(store, secret_key)
    users, tokens, datasources, folders = Users(store), Tokens(store), Datasources(store, encryption), Folders(store)
    accounts, dashboards, search = ServiceAccounts(store, tokens), Dashboards(store, folders), Search(store, folders)
    auth = Auth(users, accounts, tokens, basic_auth)
    users.add_administrator(user, password)

    @app.before_request
    def authenticate() -> None:
        store.lock.acquire()
        if request.path not in OPEN:
            g.caller = auth.check(request)
            permissions.check(g.caller, request.method, request.path)

    @app.teardown_request
    def release(_error: BaseException | None) -> None:
        store.lock.release()

    @app.after_request
    def mark(response: Response) -> Response:
        response.headers["X-Stand-In"] = "grafana"
        return response

    @app.errorhandler(ApiError)
    def refuse(error: ApiError) -> Any:
        response = jsonify(error.body)
        if error.code == 401 and not request.path.startswith("/api/"):
            response.headers["WWW-Authenticate"] = "Basic"
        return response, error.code

    @app.errorhandler(HTTPException)
    def unknown(error: HTTPException) -> Any:
        return jsonify({"message": "Not found"}), 404 if error.code == 405 else error.code

    def settings() -> Any:
        return {"buildInfo": {"version": version}, "panels": plugins.panels(), "namespace": apis.NAMESPACE}

    app.add_url_rule(
        "/api/health", view_func=lambda: {"database": "ok", "version": version, "commit": "stand-in"}, endpoint="health"
    )
    app.add_url_rule("/healthz", view_func=lambda: "Ok", endpoint="healthz")
    app.add_url_rule("/api/frontend/settings", view_func=settings, endpoint="settings")
    app.add_url_rule(
        "/api/plugins", view_func=lambda: jsonify(plugins.listed(request.args.get("type", ""))), endpoint="plugins"
    )
    app.add_url_rule("/api/org", view_func=lambda: {"id": 1, "name": "Main Org."}, endpoint="org")

    @app.post("/login")
    def log_in() -> Any:
        given = body() or {}
        try:
            auth.log_in(given.get("user", ""), given.get("password", ""))
        except ApiError as error:
            raise ApiError(401, error.body["message"], statusCode=401, messageId="password-auth.failed") from error
        return {"message": "Logged in", "redirectUrl": "/"}

    @app.route("/api/datasources", methods=["GET", "POST"])
    def all_datasources() -> Any:
        return jsonify(datasources.listed()) if request.method == "GET" else datasources.create(body())

    @app.route("/api/datasources/uid/<uid>", methods=["GET", "PUT", "DELETE"])
    def one_datasource(uid: str) -> Any:
        if request.method == "PUT":
            return datasources.update(uid, body())
        datasource = datasources.get(uid)
        return datasource if request.method == "GET" else datasources.delete(datasource)

    @app.route("/api/datasources/name/<path:name>", methods=["GET", "DELETE"])
    def datasource_by_name(name: str) -> Any:
        datasource = datasources.by_name(name)
        return datasource if request.method == "GET" else datasources.delete(datasource)

    @app.get("/api/datasources/id/<path:name>")
    def datasource_id(name: str) -> Any:
        return {"id": datasources.by_name(name)["id"]}

    @app.route("/api/datasources/<int:identifier>", methods=["GET", "PUT", "DELETE"])
    def datasource_by_id(identifier: int) -> Any:
        datasource = datasources.by_id(identifier)
        if request.method == "PUT":
            return datasources.update(datasource["uid"], body())
        if request.method == "GET":
            return datasource
        datasources.delete(datasource)
        return {"message": "Data source deleted"}

    @app.get("/api/datasources/uid/<uid>/health")
    def datasource_health(uid: str) -> Any:
        try:
            datasource = datasources.get(uid)
        except ApiError as error:
            raise ApiError(500, "Unable to load datasource metadata") from error
        if datasource["type"] != "prometheus":
            raise ApiError(404, "Plugin not registered", statusCode=404, messageId="plugin.notRegistered")
        return query.health(datasources.session(uid), datasource)

    @app.route("/api/datasources/proxy/uid/<uid>/<path:path>", methods=["GET", "POST"])
    def datasource_proxy(uid: str, path: str) -> Any:
        datasource = datasources.get(uid)
        try:
            given = (request.method, path, request.query_string, request.get_data(), request.content_type or "")
            answer = query.proxy(datasources.session(uid), datasource, *given)
        except requests.RequestException:
            return Response("", 502)
        return Response(answer.content, answer.status_code, content_type=answer.headers.get("Content-Type"))

    @app.post("/api/ds/query")
    def ds_query() -> Any:
        given, now = body() or {}, time.time()
        start, end = (
            query.moment(str(given.get(key, default)), now) for key, default in (("from", "now-1h"), ("to", "now"))
        )
        results: dict[str, Any] = {}
        for target in given.get("queries") or []:
            uid = target["datasource"]["uid"]
            source, session = datasources.get(uid), datasources.session(uid)
            try:
                results[target["refId"]] = {"status": 200, "frames": query.frames(session, target, source, start, end)}
            except ApiError as error:
                failed = {"status": 400, "error": error.body["message"], "errorSource": "downstream", "frames": []}
                results[target["refId"]] = failed
        # One failed query is enough (pkg/api/ds_query.go, toJsonStreamingResponse).
        return {"results": results}, max((result["status"] for result in results.values()), default=200)

    @app.route("/api/folders", methods=["GET", "POST"])
    def all_folders() -> Any:
        return (
            jsonify(folders.listed(request.args.get("parentUid", "")))
            if request.method == "GET"
            else folders.create(body())
        )

    @app.route("/api/folders/<uid>", methods=["GET", "PUT", "DELETE"])
    def one_folder(uid: str) -> Any:
        if not folders.has(uid):
            permissions.check_hidden(g.caller, "folders:read" if request.method == "GET" else "folders:write")
        if request.method == "GET":
            return folders.get(uid)
        return folders.update(uid, body() or {}) if request.method == "PUT" else folders.delete(uid)

    @app.get("/api/folders/<uid>/counts")
    def folder_counts(uid: str) -> Any:
        return folders.counts(uid)

    @app.post("/api/folders/<uid>/move")
    def move_folder(uid: str) -> Any:
        return folders.move(uid, body() or {})

    @app.post("/api/dashboards/db")
    def save_dashboard() -> Any:
        return dashboards.save(body())

    @app.route("/api/dashboards/uid/<uid>", methods=["GET", "DELETE"])
    def one_dashboard(uid: str) -> Any:
        return dashboards.get(uid) if request.method == "GET" else dashboards.delete(uid)

    @app.get("/api/access-control/user/permissions")
    def own_permissions() -> Any:
        return permissions.granted(g.caller)

    @app.get("/api/search")
    def find() -> Any:
        given = request.args
        lists = (tuple(given.getlist(key)) for key in ("tag", "folderUIDs", "dashboardUIDs"))
        wanted = Wanted(given.get("type", ""), given.get("query", ""), *lists)
        return jsonify(search.find(wanted, number("limit", 1000), number("page", 1)))

    @app.post("/api/admin/encryption/rotate-data-keys")
    def rotate_data_keys() -> Any:
        encryption.rotate()
        return "", 204

    add_library_routes(app, LibraryElements(store))
    apis.add_apis_routes(app, store, dashboards, folders)
    add_access_routes(app, auth, users, accounts, tokens)
    app.add_url_rule("/", view_func=pages.login, endpoint="front")
    app.add_url_rule("/login", view_func=pages.login, endpoint="login_page")
    app.add_url_rule(
        "/dashboards", view_func=lambda: pages.listing(search.find(Wanted(DASHBOARD))), endpoint="dashboards_page"
    )

    @app.get("/d/<uid>")
    @app.get("/d/<uid>/<slug>")
    def dashboard_page(uid: str, slug: str = "") -> Any:
        return pages.dashboard(dashboards.get(uid)["dashboard"], datasources)

    return app
