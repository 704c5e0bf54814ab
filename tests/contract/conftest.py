"""A Grafana to test against: the stand-in, or the real one that GRAFANA_URL and GRAFANA_PASSWORD name (GRAFANA_USER:
admin by default).

A real one needs an empty organisation. Every object of the tests has a uid that begins with `ct-`, and these are
removed after each test.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import mark
from proxy import Wire
from server import Grafana, served

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab" / "images" / "grafana"))

from stand_in.app import create_app
from stand_in.provisioning import DASHBOARD, DATASOURCES, provision
from stand_in.store import Store


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    """The server under test, with a Wire as `wire`."""
    with contextlib.ExitStack() as stack:
        url = os.environ.get("GRAFANA_URL", "").rstrip("/")
        username = os.environ.get("GRAFANA_USER", "admin")
        password = os.environ["GRAFANA_PASSWORD"] if url else "pw-of-the-test"
        url = url or stack.enter_context(served(create_app(Store(), username, password)))
        wire = Wire(url)
        stack.callback(wire.stop)
        server = Grafana(url, username, password, wire)
        stack.callback(server.clean)
        yield server


@pytest.fixture
def with_key(tmp_path: Path) -> Callable[[str], contextlib.AbstractContextManager[Grafana]]:
    """The stand-in on one database, started with a secret_key. A real server takes its key from its configuration."""

    @contextlib.contextmanager
    def start(secret_key: str) -> Iterator[Grafana]:
        with served(create_app(Store(tmp_path / "grafana.db"), "admin", "admin", secret_key)) as url:
            wire = Wire(url)
            yield Grafana(url, "admin", "admin", wire)
            wire.stop()

    return start


@pytest.fixture
def provisioned() -> Iterator[Grafana]:
    """The stand-in with a datasource and a dashboard that come from provisioning files, which no real server gets over
    its API.
    """
    with served(create_app(provision(Store()), "admin", "admin")) as url:
        yield Grafana(url, "admin", "admin")


@pytest.fixture
def provisioned_for_team() -> Iterator[Grafana]:
    """As `provisioned`, from files of objects that a task with the owner ct-team had declared."""
    marked = {**DASHBOARD, "tags": ["ct-team", mark.of("ct-team", "prov-dash", "")]}
    datasource = {**DATASOURCES[0], "jsonData": {"ansibleOwner": "ct-team"}}
    with served(create_app(provision(Store(), [datasource], {"prov.json": marked}), "admin", "admin")) as url:
        yield Grafana(url, "admin", "admin")


@pytest.fixture
def without_basic_auth() -> Iterator[Grafana]:
    """The stand-in without basic authentication, which a real server's configuration decides."""
    with served(create_app(Store(), "admin", "pw-of-the-test", basic_auth=False)) as url:
        wire = Wire(url)
        yield Grafana(url, "admin", "pw-of-the-test", wire)
        wire.stop()
