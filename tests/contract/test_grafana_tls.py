"""HTTPS with a private authority and a client certificate, against the stand-in."""

from __future__ import annotations

import datetime
import ssl

import pytest
import trustme
from ansible_collections.mlops.gpu_monitoring.plugins.modules import grafana_resources
from flask import Flask
from server import Grafana, served
from stand_in.app import create_app
from stand_in.store import Store

FOLDERS = [{"uid": "ct-f", "title": "CT F"}]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A private authority, with its certificate, a client's certificate and the client's key as files."""
    folder = tmp_path_factory.mktemp("tls")
    made = trustme.CA()
    client = made.issue_cert("admin@example.com")
    made.cert_pem.write_to_path(folder / "ca.pem")
    client.private_key_pem.write_to_path(folder / "client.key")
    client.cert_chain_pems[0].write_to_path(folder / "client.pem")
    made.folder = folder
    return made


@pytest.fixture
def grafana(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.load_verify_locations(authority.folder / "ca.pem")
    context.verify_mode = ssl.CERT_OPTIONAL
    with served(create_app(Store(), "admin", "pw-of-the-test"), ssl_context=context) as url:
        server = Grafana(url, "admin", "pw-of-the-test")
        server.context, server.ca_path = context, str(authority.folder / "ca.pem")
        yield server


def test_an_unknown_authority_is_refused_with_the_fix(grafana):
    message = grafana.run(grafana_resources, folders=FOLDERS)["msg"]
    assert "no trusted connection" in message
    assert "Set ca_path" in message


def test_a_certificate_of_another_name_is_no_unknown_authority(grafana):
    grafana.url = grafana.url.replace("127.0.0.1", "localhost")
    message = grafana.run(grafana_resources, folders=FOLDERS, ca_path=grafana.ca_path)["msg"]
    assert "certificate is not valid for 'localhost'" in message
    assert "Write a name or address in url that the server's certificate has" in message
    assert "ca_path" not in message


def test_a_certificate_that_has_expired_is_named(grafana, authority):
    long_ago = datetime.datetime(2020, 1, 1)
    authority.issue_cert("127.0.0.1", not_after=long_ago).configure_cert(grafana.context)
    message = grafana.run(grafana_resources, folders=FOLDERS, ca_path=grafana.ca_path)["msg"]
    assert "certificate has expired" in message
    assert "Renew the server's certificate" in message


def test_a_private_authority_is_trusted_when_named(grafana):
    assert grafana.run(grafana_resources, folders=FOLDERS, ca_path=grafana.ca_path)["changed"]


def test_no_check_where_none_is_asked_for(grafana):
    assert grafana.run(grafana_resources, folders=FOLDERS, validate_certs=False)["changed"]


def test_a_client_certificate_is_shown(grafana, authority):
    grafana.context.verify_mode = ssl.CERT_REQUIRED
    own = {"client_cert": str(authority.folder / "client.pem"), "client_key": str(authority.folder / "client.key")}
    assert grafana.run(grafana_resources, folders=FOLDERS, ca_path=grafana.ca_path, wait=0)["failed"]
    assert grafana.run(grafana_resources, folders=FOLDERS, ca_path=grafana.ca_path, **own)["changed"]


def test_https_to_a_server_without_tls_is_named():
    with served(create_app(Store(), "admin", "pw-of-the-test")) as url:
        server = Grafana(url.replace("http:", "https:"), "admin", "pw-of-the-test")
        message = server.run(grafana_resources, folders=FOLDERS)["msg"]
    assert f"url: {server.url} does not speak HTTPS. Write http:// in url" in message


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("Client sent an HTTP request to an HTTPS server.\n", "speaks HTTPS. Write https:// in url"),
        ("<center>The plain HTTP request was sent to HTTPS port</center>", "speaks HTTPS. Write https:// in url"),
        ("<center>No required SSL certificate was sent</center>", "client_cert: "),
    ],
)
def test_a_port_that_asks_for_tls_is_named_at_once(page, words):
    """The answers of Go, as in Grafana with protocol: https, and of nginx."""
    app = Flask(__name__)
    app.add_url_rule("/<path:path>", view_func=lambda path: (page, 400))
    with served(app) as url:
        result = Grafana(url, "admin", "pw-of-the-test").run(grafana_resources, folders=FOLDERS, wait=600)
    assert words in result["msg"]


def test_a_missing_file_is_named(grafana):
    message = grafana.run(grafana_resources, folders=FOLDERS, ca_path="/nonexistent/ca.pem")["msg"]
    assert "/nonexistent/ca.pem" in message


def test_a_dry_run_continues_without_a_file_that_a_run_would_put_there(grafana):
    result = grafana.run(grafana_resources, folders=FOLDERS, ca_path="/nonexistent/ca.pem", check=True)
    assert [shown["action"] for shown in result["objects"]] == ["created"]
