"""The ends of certificates that real TLS servers serve, and when they are reported."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import threading
import time

import pytest
import trustme
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import certificates
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import certificates as makes

NOW = 1_800_000_000.0
DAY = 86400


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def trusted(authority, tmp_path):
    path = tmp_path / "ca.crt"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@contextlib.contextmanager
def tls_server(authority, days):
    """The address of a server whose certificate ends in so many days."""
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", not_before=end - datetime.timedelta(days=90), not_after=end).configure_cert(
        context
    )

    def serve(listener):
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
                secured.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield listener.getsockname()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_what_is_served_ends_when_its_certificate_says(authority, trusted):
    with tls_server(authority, 20) as soon, tls_server(authority, 80) as late:
        seen = certificates.served({soon: "gpu1", late: "gpu2"}, trusted, 5)
        assert [(entry.host, entry.address) for entry in seen] == [
            ("gpu1", f"127.0.0.1:{soon[1]}"),
            ("gpu2", f"127.0.0.1:{late[1]}"),
        ]
        told = certificates.problems(seen, [], time.time(), 30)
        assert [problem.host for problem in told] == ["gpu1"]
        assert told[0].message.startswith(f"The certificate of gpu1 at 127.0.0.1:{soon[1]} ends on ")
        assert "in 19 days. Run the playbook site" in told[0].message


def test_what_does_not_answer_or_is_not_trusted_is_reported_by_other_checks(authority, trusted):
    with socket.socket() as free, tls_server(trustme.CA(), 20) as foreign, tls_server(authority, -1) as ended:
        free.bind(("127.0.0.1", 0))
        assert certificates.served({free.getsockname(): "gpu1", foreign: "gpu2", ended: "gpu3"}, trusted, 5) == []


def test_an_authority_that_ends(authority, trusted):
    (trusted_authority,) = certificates.authorities(trusted)
    assert "trustme" in trusted_authority.name
    end = certificates.Authority("CN=Example", NOW + 29.5 * DAY)
    sentences = [problem.message.partition(". ")[0] for problem in certificates.problems([], [end], NOW, 30)]
    assert sentences == ["The authority CN=Example ends on 2027-02-13, in 29 days"]
    assert certificates.problems([], [end], NOW, 29) == []
    ended = certificates.Authority("CN=Example", NOW - 2 * DAY)
    assert certificates.problems([], [ended], NOW, 30)[0].message.startswith(
        "The authority CN=Example ended on 2027-01-13. Run the playbook site"
    )
    assert certificates.authorities(None) == []


def test_of_an_authority_that_was_prolonged_the_last_end_counts(tmp_path):
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    first = makes.new_authority(now, 20)
    path = tmp_path / "ca.crt"
    path.write_bytes(makes.certificate_pem(makes.renewed_authority(first, now, 3650)) + makes.certificate_pem(first))
    assert [authority.end for authority in certificates.authorities(str(path))] == [
        (now + datetime.timedelta(days=3650)).timestamp()
    ]


def test_the_first_certificate_of_a_host_to_end_is_reported_once():
    seen = [
        certificates.Served("gpu1", address, NOW + days * DAY)
        for address, days in (("10.0.0.1:9100", 20), ("10.0.0.1:9400", 10), ("10.0.0.1:8088", 90))
    ]
    (problem,) = certificates.problems(seen, [], NOW, 30)
    assert problem.message.startswith("The certificate of gpu1 at 10.0.0.1:9400 ends on ")


def target(url, job="node", health="up", host="gpu1"):
    return {"job": job, "host": host, "server": "", "url": url, "health": health, "error": "", "interval": 5.0}


def test_what_is_asked_are_addresses_of_exporters_that_are_up():
    targets = [
        target("https://10.0.0.1:9100/metrics"),
        target("https://[2001:db8::1]:9100/metrics", host="gpu2"),
        target("https://10.0.0.3:9100/metrics", health="down"),
        target("http://10.0.0.4:9100/metrics"),
        target("https://node-exporter:9100/metrics"),
        target("https://10.0.0.1:8000/metrics", job="model-server"),
    ]
    assert certificates.owners(
        targets, {"Grafana": "https://10.0.0.9:3000/grafana", "Prometheus": "http://127.0.0.1:9090"}
    ) == {
        ("10.0.0.9", 3000): "Grafana",
        ("10.0.0.1", 9100): "gpu1",
        ("2001:db8::1", 9100): "gpu2",
    }
