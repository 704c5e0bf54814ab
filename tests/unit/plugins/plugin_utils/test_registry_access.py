"""Proxy, authority and login of the registries that an action asks."""

from __future__ import annotations

import ssl

import pytest
import trustme
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.errors import RegistryError
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import registry_access

from tests.fake_registry import FakeRegistry, store

OPTIONS = {name: option["default"] for name, option in registry_access.OPTIONS.items()}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A user without logins and proxies."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def start():
    """Starts stand-ins for registries that have an image."""
    servers = []

    def run(context=None):
        servers.append(FakeRegistry(context))
        store(servers[-1], ["amd64"])
        return servers[-1]

    yield run
    for server in servers:
        server.close()


def digest(name, **options):
    with registry_access.registries({**OPTIONS, **options}, lambda _text: None) as registry:
        return registry(name).manifest("a/b", "1").digest


def test_a_proxy_of_the_environment(start, monkeypatch):
    proxy = start()
    monkeypatch.setenv("http_proxy", f"http://{proxy.name}")
    assert digest("registry.invalid", insecure_registries=["registry.invalid"]).startswith("sha256:")
    assert proxy.requests[0][1] == "http://registry.invalid/v2/a/b/manifests/1"


def test_the_authority_of_the_site_counts_for_its_mirrors_alone(start):
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = start(context)
    text = authority.cert_pem.bytes().decode()
    assert digest(server.name, registry_ca=text, mirrors=[f"{server.name}/hub"]).startswith("sha256:")
    with pytest.raises(RegistryError, match="certificate verify failed.*Set gpu_monitoring_registry_ca"):
        digest(server.name, registry_ca=text)


def test_a_registry_without_tls_is_named_with_the_fix(start, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    with pytest.raises(RegistryError, match="If it speaks no TLS, name it in insecure_registries"):
        digest(start().name)


def test_the_login_of_the_options_is_for_its_registry_alone(start):
    server = start()
    server.login = ("puller", "correct-horse")
    login = {"registry_username": "puller", "registry_password": "correct-horse"}
    assert digest(server.name, registry=server.name, insecure_registries=[server.name], **login)
    with pytest.raises(RegistryError, match="The request had no credentials"):
        digest(server.name, registry="r.example.com", insecure_registries=[server.name], **login)
