"""Repositories of a vendor, and a web server that gives them."""

from __future__ import annotations

import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fake_repository import Vendor


class Site(http.server.BaseHTTPRequestHandler):
    """Gives the files of a folder, whole or from an offset on.

    `said` are the requests, `problems` the answers that come before.
    """

    folder: Path
    said: list[tuple[str, str]]
    problems: list[tuple[int, dict[str, str]]]
    cut_after: int
    ranges = True

    def do_GET(self) -> None:
        offset = int(self.headers.get("Range", "bytes=0-")[len("bytes=") : -1]) if self.ranges else 0
        self.said.append((self.path, self.headers.get("Range", "")))
        if self.problems:
            status, headers = self.problems.pop(0)
            self._answer(status, headers, b"")
            return
        path = self.folder / self.path.lstrip("/")
        if not path.is_file():
            self._answer(404, {}, b"")
            return
        content = path.read_bytes()[offset:]
        cut = self.cut_after if self.cut_after and self.path.endswith((".deb", ".rpm")) else len(content)
        type(self).cut_after = 0
        self._answer(206 if offset else 200, {"Content-Length": str(len(content))}, content[:cut])
        self.close_connection = True

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Tests look at `said`."""


@pytest.fixture(scope="session")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Vendor:
    if not shutil.which("gpg"):
        pytest.skip("gpg makes the signatures")
    return Vendor(tmp_path_factory.mktemp("vendor") / "gnupg")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Any]:
    """The handler of a web server for the folder `site`, with its `url`."""
    (tmp_path / "site").mkdir()
    handler = type("OneSite", (Site,), {"folder": tmp_path / "site", "said": [], "problems": [], "cut_after": 0})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    handler.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield handler
    server.shutdown()
    server.server_close()
