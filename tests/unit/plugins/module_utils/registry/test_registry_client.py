"""The registry client against a stand-in: logins, redirects, limits, broken connections and wrong bytes."""

from __future__ import annotations

import os
import ssl

import pytest
import trustme
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import http_client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import blobs
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry import client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.connections import Connections
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.errors import RegistryError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.request import server
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.registry_login import Login

from tests.fake_registry import FakeRegistry, digest_of

BLOB = os.urandom(3_000_000)
DIGEST = digest_of(BLOB)
LOGIN = Login("the test", "", {"username": "puller", "password": "correct-horse"})


@pytest.fixture
def registry(fake):
    """The client for the stand-in, which has a blob, and `said` with what it told."""
    fake.stored["a/b", DIGEST] = BLOB
    return connect(fake)


def connect(fake, login=Login()):
    said = []
    made = client.Registry(fake.name, login, Connections(plain_http=frozenset([fake.name])), said.append)
    made.said = said
    return made


def fetch(registry, path, digest=DIGEST):
    pieces = []
    asked = blobs.download(registry, "a/b", digest, len(BLOB), str(path), pieces.append)
    assert sum(pieces) == len(BLOB)
    return asked


def times(count, fault):
    """The fault for the first requests alone."""
    left = [None] * count

    def answer(request):
        return bool(left) and left.pop() is None and fault(request) is not False

    return answer


def test_a_blob_is_fetched_once(fake, registry, tmp_path):
    assert fetch(registry, tmp_path / "x" / "blob")
    assert (tmp_path / "x" / "blob").read_bytes() == BLOB
    asked = len(fake.requests)
    assert not fetch(registry, tmp_path / "x" / "blob")
    assert len(fake.requests) == asked


def test_what_an_earlier_run_left_is_continued(fake, registry, tmp_path):
    (tmp_path / "blob.part").write_bytes(BLOB[:1_000_000])
    fetch(registry, tmp_path / "blob")
    assert fake.requests[-1][2]["Range"] == "bytes=1000000-"
    assert os.listdir(tmp_path) == ["blob"]


def test_a_broken_connection_is_continued(fake, registry, tmp_path):
    def half(request):
        request.send_response(200)
        request.send_header("Content-Length", str(len(BLOB)))
        request.end_headers()
        request.wfile.write(BLOB[: len(BLOB) // 2])
        request.close_connection = True

    fake.faults = [times(1, half)]
    fetch(registry, tmp_path / "blob")
    assert [headers["Range"] for _method, _path, headers in fake.requests] == [None, f"bytes={len(BLOB) // 2}-"]
    assert "Trying again in 1 s" in registry.said[0]


def test_a_registry_without_ranges_starts_from_the_beginning(fake, registry, tmp_path):
    (tmp_path / "blob.part").write_bytes(BLOB[:10])
    fake.faults = [lambda request: request.reply(200, BLOB) is None]
    fetch(registry, tmp_path / "blob")


def test_wrong_bytes_are_requested_again_and_never_kept(fake, registry, tmp_path):
    (tmp_path / "blob.part").write_bytes(b"x" * 1000)
    fetch(registry, tmp_path / "blob")
    fake.stored["a/b", DIGEST] = b"y" * len(BLOB)
    with pytest.raises(RegistryError, match=f"the blob {DIGEST} arrived as sha256:"):
        blobs.download(registry, "a/b", DIGEST, len(BLOB), str(tmp_path / "other"), lambda _size: None)
    assert os.listdir(tmp_path) == ["blob"]


def test_a_limit_is_waited_for_as_long_as_the_registry_asks(fake, registry, tmp_path, pauses):
    fake.faults = [times(2, lambda request: request.reply(429, Retry_After="17"))]
    fetch(registry, tmp_path / "blob")
    assert pauses == [17, 17]
    assert registry.said == [f"{fake.name} limits the requests of this address. Trying again in 17 s."] * 2


def test_a_limit_without_an_end_is_an_error(fake, registry, tmp_path, pauses):
    fake.faults = [lambda request: request.reply(429) is None]
    with pytest.raises(RegistryError, match="answers 429.*docker login"):
        registry.manifest("a/b", "1")
    assert sum(pauses) == 6 * 3600


def test_an_error_of_the_server_is_tried_five_times(fake, registry, pauses):
    fake.faults = [lambda request: request.reply(503) is None]
    with pytest.raises(RegistryError, match="it answers 503"):
        registry.manifest("a/b", "1")
    assert (len(fake.requests), pauses) == (5, [1, 2, 4, 8])


@pytest.mark.parametrize("bearer", [False, True], ids=["basic", "token"])
def test_a_login(fake, tmp_path, bearer):
    fake.login, fake.bearer = ("puller", "correct-horse"), bearer
    fake.stored["a/b", DIGEST] = BLOB
    fetch(connect(fake, LOGIN), tmp_path / "blob")
    assert not bearer or fake.scope == ["repository:a/b:pull"]
    with pytest.raises(RegistryError, match="401.*The request had no credentials. Log in with `docker login"):
        fetch(connect(fake), tmp_path / "other")


def test_a_wrong_password_is_named_and_not_shown(fake, tmp_path):
    fake.login, fake.bearer = ("puller", "other"), False
    with pytest.raises(RegistryError, match="The request had the login of the test") as caught:
        fetch(connect(fake, LOGIN), tmp_path / "blob")
    assert "correct-horse" not in str(caught.value)


def test_another_server_gets_no_login(fake, tmp_path):
    other = FakeRegistry()
    other.stored["a/b", DIGEST] = BLOB
    fake.login = ("puller", "correct-horse")

    def redirect(request):
        if not request.headers.get("Authorization"):
            return False
        return request.reply(307, Location=f"http://{other.name}/v2/a/b/blobs/{DIGEST}?signature=a%2Fb")

    fake.faults = [lambda request: bool(request.headers.get("Authorization")) and redirect(request) is None]
    fetch(connect(fake, LOGIN), tmp_path / "blob")
    other.close()
    assert [(path, headers["Authorization"]) for _method, path, headers in other.requests] == [
        (f"/v2/a/b/blobs/{DIGEST}?signature=a%2Fb", None)
    ]


def test_a_manifest_whose_connection_breaks_is_asked_for_again(fake, registry, pauses):
    fake.stored["a/b", "1"] = b'{"mediaType": "x"}'

    def half(request):
        request.send_response(200)
        request.send_header("Content-Length", "18")
        request.end_headers()
        request.wfile.write(b'{"media')
        request.close_connection = True

    fake.faults = [times(1, half)]
    assert registry.manifest("a/b", "1").digest == digest_of(b'{"mediaType": "x"}')
    assert pauses == [1]
    fake.faults = [times(9, half)]
    with pytest.raises(RegistryError, match="closed before the end of the answer"):
        registry.manifest("a/b", "1")


def test_what_is_no_http_within_a_blob_is_an_error_and_not_a_crash(registry, tmp_path, monkeypatch):
    def damaged(_stream):
        yield b"a part"
        raise http_client.TlsRefused("decryption failed or bad record mac")

    monkeypatch.setattr(http_client.Stream, "chunks", damaged)
    with pytest.raises(RegistryError, match="bad record mac"):
        fetch(registry, tmp_path / "blob")


def test_a_registry_that_does_not_know_head_gets_the_blob(fake, registry, tmp_path):
    (tmp_path / "blob").write_bytes(BLOB)
    fake.faults = [lambda request: request.command == "HEAD" and request.reply(405) is None]
    assert blobs.upload(registry, "c/d", DIGEST, str(tmp_path / "blob"), lambda _size: None)
    assert fake.stored["c/d", DIGEST] == BLOB


def asks_for_token(fake, realm, **parameters):
    """A fault: a request without a token gets a challenge."""
    way = ",".join(f'{name}="{value}"' for name, value in {"realm": realm, **parameters}.items())

    def challenge(request):
        if "/v2/" not in request.path or request.headers.get("Authorization"):
            return False
        request.reply(401, WWW_Authenticate=f"Bearer {way}")
        return True

    fake.faults = [challenge]


def test_a_challenge_without_a_service_is_answered_without_one(fake, registry, tmp_path):
    asks_for_token(fake, f"http://{fake.name}/token?account=x", scope="repository:a/b:pull")
    fake.faults.append(lambda request: "/token" in request.path and request.reply(200, b'{"token":"t"}') is None)
    fetch(registry, tmp_path / "blob")
    (asked,) = [path for _method, path, _headers in fake.requests if "/token" in path]
    assert asked == "/token?account=x&scope=repository%3Aa%2Fb%3Apull"


def test_a_password_goes_to_no_token_server_without_tls(fake):
    other = FakeRegistry()
    asks_for_token(other, f"http://{fake.name}/token")
    connections = Connections(plain_http=frozenset(["r.example.com"]))
    connections.url = lambda _registry: f"http://{other.name}"
    with pytest.raises(RegistryError, match="its token server .* has no address with https://"):
        client.Registry("other.example.com", LOGIN, connections).manifest("a/b", "1")
    other.close()
    assert fake.requests == []


def test_the_authority_of_a_registry_counts_for_its_token_server_beside_that_of_the_system(tmp_path, monkeypatch):
    authorities, servers = [trustme.CA(), trustme.CA()], []
    for authority in (authorities[0], authorities[0], authorities[1]):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        servers.append(FakeRegistry(context))
    registry, tokens, storage = servers
    asks_for_token(registry, f"https://{tokens.name}/jwt/auth")
    tokens.faults = [lambda request: request.reply(200, b'{"token":"t"}') is None]
    storage.stored["a/b", DIGEST] = BLOB
    to_storage = f"https://{storage.name}/v2/a/b/blobs/{DIGEST}?X-Amz-Signature=a%2Fb"
    registry.faults.append(lambda request: request.reply(307, Location=to_storage) is None)
    authorities[0].cert_pem.write_to_path(str(tmp_path / "site.pem"))
    authorities[1].cert_pem.write_to_path(str(tmp_path / "system.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    made = client.Registry(registry.name, LOGIN, Connections({registry.name: str(tmp_path / "site.pem")}))
    fetch(made, tmp_path / "blob")
    for listener in servers:
        listener.close()
    assert [headers["Authorization"] for _method, _path, headers in registry.requests] == [None, "Bearer t"]
    assert [headers["Authorization"] for _method, _path, headers in storage.requests] == [None]


@pytest.mark.parametrize(
    ("url", "base", "same"),
    [
        ("https://r.example.com:443/v2/", "https://r.example.com", True),
        ("http://r.example.com/v2/", "https://r.example.com", True),
        ("https://R.example.com:5000/v2/", "https://r.example.com:5000", True),
        ("https://r.example.com:8443/v2/", "https://r.example.com", False),
        ("https://s.example.com/v2/", "https://r.example.com", False),
    ],
)
def test_whether_a_url_is_of_the_registry(url, base, same):
    assert (server(url, base) == server(base, base)) is same


def test_a_blob_is_sent_once(fake, registry, tmp_path):
    (tmp_path / "blob").write_bytes(BLOB)
    assert blobs.upload(registry, "c/d", DIGEST, str(tmp_path / "blob"), lambda _size: None)
    assert fake.stored["c/d", DIGEST] == BLOB
    assert not blobs.upload(registry, "c/d", DIGEST, str(tmp_path / "blob"), lambda _size: None)
    assert fake.count("PUT") == 1


def test_a_file_that_cannot_be_read_is_no_fault_of_the_registry(fake, registry, tmp_path):
    (tmp_path / "blob").write_bytes(BLOB)

    def taken_away(request):
        if request.command == "POST":
            (tmp_path / "blob").rename(tmp_path / "elsewhere")
        return False

    fake.faults = [taken_away]
    with pytest.raises(BundleError, match="blob: No such file or directory. Copy the bundle again"):
        blobs.upload(registry, "c/d", DIGEST, str(tmp_path / "blob"), lambda _size: None)
    assert (registry.said, fake.count("POST")) == ([], 1)


def test_a_registry_has_time_to_store_a_blob(registry, tmp_path, monkeypatch):
    (tmp_path / "blob").write_bytes(BLOB)
    stream, timeouts = http_client.Client.stream, {}

    def timed(self, method, *arguments, timeout=None):
        timeouts[method] = timeout
        return stream(self, method, *arguments, timeout=timeout)

    monkeypatch.setattr(http_client.Client, "stream", timed)
    blobs.upload(registry, "c/d", DIGEST, str(tmp_path / "blob"), lambda _size: None)
    assert timeouts == {"HEAD": None, "POST": None, "PUT": 900}


def test_a_broken_upload_begins_again(fake, registry, tmp_path):
    (tmp_path / "blob").write_bytes(BLOB)

    def broken(request):
        request.close_connection = True

    fake.faults = [lambda request: request.command == "PUT" and fake.count("PUT") == 1 and broken(request) is None]
    assert blobs.upload(registry, "c/d", DIGEST, str(tmp_path / "blob"), lambda _size: None)
    assert (fake.count("POST"), fake.count("PUT")) == (2, 2)


def test_a_manifest_of_another_digest_is_refused(fake, registry):
    fake.stored["a/b", DIGEST] = b"{}"
    with pytest.raises(RegistryError, match="arrived as"):
        registry.manifest("a/b", DIGEST)
    with pytest.raises(RegistryError, match="nobody knows it.*Check the version"):
        registry.manifest("a/b", "2")


def test_nothing_that_answers():
    nobody = client.Registry("127.0.0.1:1", Login(), Connections())
    with pytest.raises(RegistryError, match="connection refused.*https_proxy"):
        nobody.manifest("a/b", "1")
