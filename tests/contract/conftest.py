"""A Grafana to test against: the stand-in, or the real one that GRAFANA_URL and GRAFANA_PASSWORD name (GRAFANA_USER: admin by default).

A real one needs an empty organisation. Every object of the tests has a uid that begins with `ct-`, and these are removed after each test.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from server import SEND, Grafana, Wire, served

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab" / "images" / "grafana"))

from stand_in.app import create_app  # noqa: E402
from stand_in.provisioning import provision  # noqa: E402
from stand_in.store import Store  # noqa: E402


@pytest.fixture
def grafana(monkeypatch: pytest.MonkeyPatch) -> Iterator[Grafana]:
    """The server under test, with a Wire as `wire`."""
    with contextlib.ExitStack() as stack:
        url = os.environ.get("GRAFANA_URL", "").rstrip("/")
        if url:
            found = Grafana(url, os.environ.get("GRAFANA_USER", "admin"), os.environ["GRAFANA_PASSWORD"])
        else:
            found = Grafana(stack.enter_context(served(create_app(Store(), "admin", "pw-of-the-test"))), "admin", "pw-of-the-test")
        found.wire = Wire(SEND)

        def through(session: requests.Session, method: str, target: str, **options: Any) -> requests.Response:
            return found.wire(session, method, target, **options)

        monkeypatch.setattr(requests.Session, "request", through)
        yield found
        found.wire.rule = None
        found.clean()


@pytest.fixture
def provisioned(monkeypatch: pytest.MonkeyPatch) -> Iterator[Grafana]:
    """The stand-in with a datasource and a dashboard that come from provisioning files, which no real server gets over its API."""
    with served(create_app(provision(Store()), "admin", "admin")) as url:
        yield Grafana(url, "admin", "admin")
