"""Starts the stand-in, with the environment variables of Grafana's image that it heeds."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from waitress import serve
from werkzeug.serving import run_simple

from stand_in.app import create_app
from stand_in.store import Store

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
logging.info("This is a stand-in for Grafana, for tests.")

password = os.environ.get("GF_SECURITY_ADMIN_PASSWORD", "admin")
if password.startswith("$__file{"):
    password = Path(password[len("$__file{") : -1]).read_text().strip()
data = Path(os.environ.get("GF_PATHS_DATA", "/var/lib/grafana"))
app = create_app(Store(data / "stand-in.json"), os.environ.get("GF_SECURITY_ADMIN_USER", "admin"), password)
port = int(os.environ.get("GF_SERVER_HTTP_PORT", "3000"))
if os.environ.get("GF_SERVER_PROTOCOL") == "https":
    # waitress has no TLS.
    run_simple("0.0.0.0", port, app, threaded=True, ssl_context=(os.environ["GF_SERVER_CERT_FILE"], os.environ["GF_SERVER_CERT_KEY"]))
else:
    serve(app, host="0.0.0.0", port=port, threads=8)
