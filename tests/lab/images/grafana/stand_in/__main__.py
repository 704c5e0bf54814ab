"""Starts the stand-in, with the environment variables of Grafana's image that it heeds."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from waitress import serve
from werkzeug.serving import run_simple

from stand_in import migrations
from stand_in.app import VERSION, create_app
from stand_in.store import Store, connect
from stand_in.sub_path import SubPath

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
logging.info("This is a stand-in for Grafana, for tests.")


def setting(name: str, default: str) -> str:
    """A setting of the environment, or of the file that it names."""
    value = os.environ.get(name, default)
    return Path(value[len("$__file{") : -1]).read_text().strip() if value.startswith("$__file{") else value


user, password = setting("GF_SECURITY_ADMIN_USER", "admin"), setting("GF_SECURITY_ADMIN_PASSWORD", "admin")
data = Path(os.environ.get("GF_PATHS_DATA", "/var/lib/grafana"))
basic_auth = setting("GF_AUTH_BASIC_ENABLED", "true") == "true"
database, version = data / "grafana.db", os.environ.get("STAND_IN_VERSION", VERSION)
migrations.migrate(connect(database), version, migrations.parse(os.environ.get("STAND_IN_MIGRATION", "")))
app = create_app(Store(database), user, password, setting("GF_SECURITY_SECRET_KEY", ""), basic_auth, version)
if os.environ.get("GF_SERVER_SERVE_FROM_SUB_PATH") == "true":
    app.wsgi_app = SubPath(app.wsgi_app, os.environ["GF_SERVER_ROOT_URL"])
port = int(os.environ.get("GF_SERVER_HTTP_PORT", "3000"))
if os.environ.get("GF_SERVER_PROTOCOL") == "https":
    # waitress has no TLS.
    run_simple(
        "0.0.0.0",
        port,
        app,
        threaded=True,
        ssl_context=(os.environ["GF_SERVER_CERT_FILE"], os.environ["GF_SERVER_CERT_KEY"]),
    )
else:
    serve(app, host="0.0.0.0", port=port, threads=8)
