"""How the server reaches a datasource: with its password, trusting the authority that it names."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import requests


def session(datasource: dict[str, Any], secrets: dict[str, str]) -> requests.Session:
    """A session with what `basicAuth` and `tlsAuthWithCACert` of the datasource ask for."""
    made = requests.Session()
    made.trust_env = False
    if datasource["basicAuth"]:
        made.auth = (datasource["basicAuthUser"], secrets.get("basicAuthPassword", ""))
    if datasource["jsonData"].get("tlsAuthWithCACert"):
        made.verify = _file(secrets.get("tlsCACert", ""))
    return made


def _file(text: str) -> str:
    """The path of a file with this text, which is what requests reads certificates from."""
    path = Path(tempfile.gettempdir()) / f"{hashlib.sha256(text.encode()).hexdigest()}.pem"
    if not path.exists():
        path.write_text(text)
    return str(path)
