"""The HTTP client against real servers of this process: TCP, TLS and a Unix socket."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import socket
import socketserver
import ssl
import threading
import time
import zlib
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import http_client

QUICK = http_client.Retries(tries=3, pause_seconds=0.001)


class Server:
    """Answers a request with what `rule` returns for it: (status, headers, body), or None for a broken connection."""

    def __init__(self, address=("127.0.0.1", 0), context=None, unix=""):
        self.requests, self.connections = [], 0
        self.rule = lambda request: (200, {}, json.dumps({"path": request["path"]}).encode())
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = not unix

            def setup(self):
                outer.connections += 1
                super().setup()

            def address_string(self):
                return "client"

            def log_message(self, *_arguments):
                pass

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = {
                    "method": self.command,
                    "path": self.path,
                    "body": body,
                    "headers": self.headers,
                    "handler": self,
                }
                outer.requests.append(request)
                given = outer.rule(request)
                if given is None:
                    self.close_connection = True
                    return
                status, headers, content = given
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Transfer-Encoding" not in headers and "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_CONNECT = answer

        if unix:
            kind = type("Unix", (socketserver.ThreadingMixIn, socketserver.UnixStreamServer), {"daemon_threads": True})
            self.server = kind(unix, Handler)
        else:
            kind = type(
                "Tcp",
                (ThreadingHTTPServer,),
                {"address_family": socket.AF_INET6 if ":" in address[0] else socket.AF_INET},
            )
            kind.handle_error = lambda *_arguments: None
            self.server = kind(address, Handler)
            if context:
                self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def start():
    """Starts servers, which are stopped after the test."""
    with contextlib.ExitStack() as stack:

        def one_more(*arguments, **options):
            server = Server(*arguments, **options)
            stack.callback(server.stop)
            return server

        yield one_more


@pytest.fixture
def server(start):
    return start()


@pytest.fixture
def client(server):
    """Makes clients of the server."""
    return lambda path="", **options: http_client.Client(f"http://127.0.0.1:{server.port}{path}", **options)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A private authority, with its certificate, a client's certificate and the client's key as files."""
    folder = tmp_path_factory.mktemp("tls")
    made = trustme.CA()
    issued = made.issue_cert("client@example.com")
    made.cert_pem.write_to_path(folder / "ca.pem")
    issued.private_key_pem.write_to_path(folder / "client.key")
    issued.cert_chain_pems[0].write_to_path(folder / "client.pem")
    made.folder = folder
    return made


@pytest.fixture
def tls_context(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    context.load_verify_locations(authority.folder / "ca.pem")
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


@pytest.fixture
def tls_server(start, tls_context):
    return start(("0.0.0.0", 0), context=tls_context)


def raw_server(*answers):
    """A server that answers one connection after the other with these bytes, whatever it is asked, and closes it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        for answer in answers:
            connection, _address = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)
        listener.close()

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_request_and_answer(server, client):
    connection = client("/grafana/")
    answer = connection.request("POST", "/api/x?a=1", json_body={"k": "ü"}, headers={"X-Own": "1"})
    assert (answer.status, answer.json(), answer.url) == (
        200,
        {"path": "/grafana/api/x?a=1"},
        f"{connection.url}/api/x?a=1",
    )
    [request] = server.requests
    assert (request["method"], json.loads(request["body"])) == ("POST", {"k": "ü"})
    assert (request["headers"]["Content-Type"], request["headers"]["X-Own"]) == ("application/json", "1")
    assert request["headers"]["Host"] == f"127.0.0.1:{server.port}"


def test_a_connection_is_kept_for_further_requests(server, client):
    connection = client()
    for method in ("GET", "POST", "HEAD", "DELETE"):
        assert connection.request(method, "/").status == 200
    assert (server.connections, connection.count) == (1, 4)


def test_a_kept_connection_that_the_server_closed_is_opened_again_for_any_method(server, client):
    connection = client()
    closing = []

    def rule(request):
        closing.append(request["handler"])
        request["handler"].close_connection = len(closing) == 1
        return 200, {}, b"{}"

    server.rule = rule
    connection.request("GET", "/")
    deadline = time.monotonic() + 5
    while not http_client._readable(connection._kept.sock):
        assert time.monotonic() < deadline
    assert connection.request("POST", "/write").status == 200
    assert [request["method"] for request in server.requests] == ["GET", "POST"]


@pytest.mark.parametrize(("method", "times"), [("GET", 2), ("PUT", 2), ("DELETE", 2), ("POST", 1), ("PATCH", 1)])
def test_what_a_kept_connection_may_have_sent_is_sent_again_only_where_twice_is_as_once(server, client, method, times):
    connection = client()
    connection.request("GET", "/first")
    server.rule = lambda request: (
        (200, {}, b"") if request["handler"].path in [earlier["path"] for earlier in server.requests[:-1]] else None
    )
    with contextlib.nullcontext() if times == 2 else pytest.raises(http_client.NotReachable) as caught:
        assert connection.request(method, "/second").status == 200
    assert [request["path"] for request in server.requests] == ["/first"] + ["/second"] * times
    if times == 1:
        assert caught.value.sent


def test_a_body_of_pieces_is_sent_once_even_over_a_connection_that_was_kept(server, client):
    connection = client()
    headers = {"Content-Length": "6"}
    with connection.stream("PUT", "/first", iter([b"abc", b"def"]), headers) as stream:
        stream.read()
    assert server.requests[0]["body"] == b"abcdef"
    server.rule = lambda request: None
    with pytest.raises(http_client.NotReachable), connection.stream("PUT", "/second", iter([b"abcdef"]), headers):
        pass
    assert [request["path"] for request in server.requests] == ["/first", "/second"]


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX], ids=["tcp", "unix"])
def test_an_answer_before_the_end_of_a_long_body(family, tmp_path):
    address = ("127.0.0.1", 0) if family == socket.AF_INET else str(tmp_path / "socket")
    with socket.socket(family) as listening:
        listening.bind(address)
        listening.listen()
        port = listening.getsockname()[1] if family == socket.AF_INET else 0

        def refuse():
            connection = listening.accept()[0]
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
            connection.close()

        threading.Thread(target=refuse, daemon=True).start()
        unix = address if family == socket.AF_UNIX else ""
        connection = http_client.Client(f"http://127.0.0.1:{port}" if port else "http://engine", unix_socket=unix)
        pieces = (bytes(1 << 20) for _piece in range(100))
        with connection.stream("PUT", "/", pieces, {"Content-Length": str(100 << 20)}) as stream:
            assert (stream.status, stream.read()) == (413, b"big")


def test_no_proxy_and_no_netrc_of_the_environment(server, client, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("default login netrc password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert client().request("GET", "/").status == 200
    assert server.requests[0]["headers"]["Authorization"] is None


def test_a_proxy_of_the_environment_where_asked_for(start, server, client, monkeypatch):
    proxy = start()
    monkeypatch.setenv("http_proxy", f"http://user:p%40ss@127.0.0.1:{proxy.port}")
    connection = client(use_proxy=True)
    connection.request("GET", "/x")
    assert connection.proxy == f"http://127.0.0.1:{proxy.port}"
    [request] = proxy.requests
    assert request["path"] == f"http://127.0.0.1:{server.port}/x"
    assert request["headers"]["Host"] == f"127.0.0.1:{server.port}"
    assert base64.b64decode(request["headers"]["Proxy-Authorization"].split()[1]) == b"user:p@ss"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    client(use_proxy=True).request("GET", "/direct")
    assert connection.proxy == client().proxy == ""
    assert [request["path"] for request in server.requests] == ["/direct"]


def test_https_through_a_proxy_is_a_tunnel(start, tls_server, authority, monkeypatch):
    proxy = start()

    def tunnel(request):
        handler = request["handler"]
        handler.send_response(200)
        handler.end_headers()
        with socket.create_connection(("127.0.0.1", tls_server.port)) as far:
            for source, target in ((far, handler.connection), (handler.connection, far)):
                threading.Thread(target=copy, args=(source, target), daemon=True).start()
            done.wait(10)

    def copy(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)

    done = threading.Event()
    proxy.rule = tunnel
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
    url = f"https://localhost:{tls_server.port}"
    try:
        answer = http_client.Client(url, use_proxy=True, ca_path=str(authority.folder / "ca.pem")).request(
            "GET", "/secret"
        )
    finally:
        done.set()
    assert answer.json() == {"path": "/secret"}
    assert [request["path"] for request in proxy.requests] == [f"localhost:{tls_server.port}"]
    proxy.rule = lambda request: (407, {}, b"")
    with pytest.raises(http_client.NotReachable, match="the proxy answers 407"):
        http_client.Client(url, use_proxy=True).request("GET", "/")


@pytest.mark.parametrize(
    ("options", "login", "expected"),
    [
        ({"username": "ü", "password": "pä:ss"}, "", "Basic " + base64.b64encode("ü:pä:ss".encode()).decode()),
        ({"token": "abc"}, "", "Bearer abc"),
        ({}, "me:p%40ss@", "Basic " + base64.b64encode(b"me:p@ss").decode()),
        ({"token": "abc"}, "me:pass@", "Bearer abc"),
    ],
)
def test_authentication(server, options, login, expected):
    client = http_client.Client(f"http://{login}127.0.0.1:{server.port}", **options)
    client.request("GET", "/")
    assert server.requests[0]["headers"]["Authorization"] == expected
    assert client.url == f"http://127.0.0.1:{server.port}"


def test_a_header_that_http_does_not_allow_is_not_shown(client):
    with pytest.raises(http_client.ProtocolError) as caught:
        client(headers={"Authorization": "Bearer sec\nret"}).request("GET", "/")
    assert "sec" not in str(caught.value)


@pytest.mark.parametrize("token", ["sec\nret", "sec ret", "sécret", " \n"])
def test_what_is_no_token_is_refused_before_a_request_and_not_shown(client, token):
    with pytest.raises(http_client.BadToken) as caught:
        client(token=token)
    assert str(caught.value) == "empty, or with characters that no token has"


def test_a_token_is_sent_without_the_end_of_line_of_its_file(client):
    assert client(token="token\n")._headers["Authorization"] == "Bearer token"


def raw_deflate(text):
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(text) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate)]
)
def test_compressed_answers(server, client, encoding, pack):
    server.rule = lambda request: (200, {"Content-Encoding": encoding}, pack(b"text " * 999))
    assert client().request("GET", "/").text == "text " * 999
    assert encoding in server.requests[0]["headers"]["Accept-Encoding"]


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"not gzip", http_client.ProtocolError), (gzip.compress(b"text " * 999)[:-20], http_client.NotReachable)],
    ids=["not gzip", "cut off"],
)
def test_a_broken_compressed_answer_is_an_error(server, client, content, error):
    server.rule = lambda request: (200, {"Content-Encoding": "gzip"}, content)
    with pytest.raises(error):
        client().request("GET", "/")


def passing(*troubles):
    """A rule of which each trouble happens once, in order."""
    left = list(troubles)
    return lambda request: left.pop(0) if left else (200, {}, b"{}")


@pytest.mark.parametrize(
    "trouble", [(503, {}, b""), (429, {"Retry-After": "0"}, b""), None, (500, {}, b"database is locked")]
)
def test_passing_trouble_is_got_over(server, client, trouble):
    server.rule = passing(trouble, trouble)
    policy = http_client.Retries(tries=3, pause_seconds=0.001, also=lambda answer: "locked" in answer.text)
    connection = client(retries=policy)
    assert connection.request("POST", "/").status == 200
    assert len(server.requests) == connection.count == 3


def test_retries_end_with_the_last_answer_or_error(server, client):
    server.rule = lambda request: (503, {}, b"busy")
    assert client(retries=QUICK).request("GET", "/").status == 503
    assert len(server.requests) == 3
    server.rule = lambda request: None
    with pytest.raises(http_client.NotReachable):
        client(retries=QUICK).request("GET", "/")
    assert len(server.requests) == 6


def test_without_a_policy_nothing_is_repeated_and_a_request_may_have_its_own(server, client):
    server.rule = lambda request: (503, {}, b"")
    client().request("GET", "/")
    client(retries=QUICK).request("POST", "/", retries=http_client.Retries())
    assert len(server.requests) == 2


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_body_that_json_does_not_have_is_not_sent(server, client, number):
    with pytest.raises(http_client.BadBody, match="NaN or infinite, which JSON does not have"):
        client(retries=QUICK).request("PUT", "/", json_body={"max": number})
    assert server.requests == []


def test_a_password_with_a_slash_is_not_in_the_error():
    with pytest.raises(http_client.BadUrl) as caught:
        http_client.Client("http://admin:word/of/password@127.0.0.1:3000")
    assert "word" not in str(caught.value)


def asking(value):
    """An answer that asks for a pause."""
    headers = http_client.Message()
    headers["Retry-After"] = value
    return http_client.Response(503, headers, b"", "")


@pytest.mark.parametrize(
    ("asked", "least", "most"), [("7", 7, 7), ("999", 30, 30), ("soon", 0.1, 0.3), ("²", 0.1, 0.3), ("", 0.1, 0.3)]
)
def test_the_pause_is_what_the_server_asks_for(asked, least, most):
    assert least <= http_client.Retries().pause(1, asking(asked)) <= most


def test_the_server_may_ask_for_a_pause_until_a_date():
    date = formatdate(time.time() + 3600, usegmt=True)
    assert http_client.Retries(longest_pause_seconds=9999).pause(1, asking(date)) > 3000


def test_the_pause_grows_up_to_the_longest():
    assert 3.2 <= http_client.Retries().pause(6, None) <= 9.6
    assert http_client.Retries(longest_pause_seconds=2).pause(9, None) == 2


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_moves_the_base_and_keeps_method_and_body(server, client, status):
    def rule(request):
        if request["path"].startswith("/new"):
            return 200, {}, b"{}"
        return status, {"Location": "/new" + request["path"].replace("/old", "", 1)}, b""

    server.rule = rule
    connection = client("/old", redirects=3)
    assert connection.request("POST", "/api/x?a=b", b"body").status == 200
    assert [(request["method"], request["path"], request["body"]) for request in server.requests] == [
        ("POST", "/old/api/x?a=b", b"body"),
        ("POST", "/new/api/x?a=b", b"body"),
    ]
    assert connection.url.endswith("/new")
    connection.request("GET", "/api/y")
    assert server.requests[-1]["path"] == "/new/api/y"


@pytest.mark.parametrize(
    ("method", "status", "target"),
    [
        ("GET", 302, "http://evil.example.com/api"),
        ("GET", 302, "http://127.0.0.1:1/login"),
        ("GET", 302, "ftp://127.0.0.1/api"),
        ("POST", 303, "/other/api"),
    ],
)
def test_a_redirect_that_is_not_followed(server, client, method, status, target):
    server.rule = lambda request: (status, {"Location": target}, b"")
    with pytest.raises(http_client.RedirectRefused) as caught:
        client(redirects=3).request(method, "/api")
    assert caught.value.target.endswith(target)
    assert len(server.requests) == 1


def test_a_redirect_never_leaves_https(tls_server, authority):
    tls_server.rule = lambda request: (302, {"Location": f"http://127.0.0.1:{tls_server.port}/api"}, b"")
    with pytest.raises(http_client.RedirectRefused):
        http_client.Client(
            f"https://127.0.0.1:{tls_server.port}", ca_path=str(authority.folder / "ca.pem"), redirects=3
        ).request("GET", "/api")
    assert len(tls_server.requests) == 1


def test_redirects_are_bounded_and_without_them_the_answer_is_the_callers(server, client):
    server.rule = lambda request: (302, {"Location": request["path"]}, b"")
    with pytest.raises(http_client.RedirectRefused) as caught:
        client(redirects=3).request("GET", "/api")
    assert caught.value.circle
    assert len(server.requests) == 4
    assert client().request("GET", "/api").headers["Location"] == "/api"


def test_an_unknown_authority_is_refused(tls_server, authority):
    url = f"https://127.0.0.1:{tls_server.port}"
    with pytest.raises(http_client.TlsRefused, match="certificate verify failed"):
        http_client.Client(url).request("GET", "/")
    assert http_client.Client(url, validate_certs=False).request("GET", "/").status == 200
    client = http_client.Client(url, ca_path=str(authority.folder / "ca.pem"))
    assert [client.request("GET", "/").status, client.request("POST", "/").status] == [200, 200]
    with pytest.raises(http_client.TlsRefused, match="mismatch"):
        http_client.Client(f"https://127.0.0.2:{tls_server.port}", ca_path=str(authority.folder / "ca.pem")).request(
            "GET", "/"
        )


def test_a_client_certificate_is_shown(tls_server, tls_context, authority):
    tls_context.verify_mode = ssl.CERT_REQUIRED
    url, trusted = f"https://127.0.0.1:{tls_server.port}", {"ca_path": str(authority.folder / "ca.pem")}
    own = {"client_cert": str(authority.folder / "client.pem"), "client_key": str(authority.folder / "client.key")}
    assert http_client.Client(url, **trusted, **own).request("GET", "/").status == 200
    with pytest.raises(http_client.HttpError):
        http_client.Client(url, **trusted).request("GET", "/")


@pytest.mark.parametrize("option", ["ca_path", "client_cert", "client_key"])
@pytest.mark.parametrize("content", [None, "no PEM"])
def test_a_file_that_cannot_be_used_is_named(tls_server, authority, tmp_path, option, content):
    path = tmp_path / "file.pem"
    if content:
        path.write_text(content)
    own = {"client_cert": str(authority.folder / "client.pem"), "client_key": str(authority.folder / "client.key")}
    with pytest.raises(http_client.BadFile) as caught:
        http_client.Client(f"https://127.0.0.1:{tls_server.port}", **{**own, option: str(path)}).request("GET", "/")
    if content is None or option == "ca_path":
        assert (caught.value.option, str(path) in str(caught.value)) == (option, True)


def test_an_ipv6_address(start):
    try:
        server = start(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    http_client.Client(f"http://[::1]:{server.port}").request("GET", "/")
    assert server.requests[0]["headers"]["Host"] == f"[::1]:{server.port}"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:3000",
        "ftp://h",
        "http://",
        "http://h:port",
        "http://h:99999",
        "http://h:0",
        "http://a b",
        "http://[::1",
        "http://h/?x=1",
        "http://h/#x",
    ]
    + ["http://" + "x" * 64 + ".com", "http://h\n"],
)
def test_a_bad_url(url):
    with pytest.raises(http_client.BadUrl):
        http_client.Client(url)


def test_a_path_cannot_end_the_request_line(server, client):
    client().request("GET", "/a b\r\nX-Evil: 1/ü?q=%20#f")
    assert server.requests[0]["path"] == "/a%20b%0D%0AX-Evil:%201/%C3%BC?q=%20%23f"
    assert server.requests[0]["headers"]["X-Evil"] is None


def test_nothing_listens():
    with pytest.raises(http_client.NotReachable, match="^connection refused$") as caught:
        http_client.Client("http://127.0.0.1:1").request("GET", "/")
    assert not caught.value.sent
    with pytest.raises(http_client.NotReachable):
        http_client.Client("http://name.invalid").request("GET", "/")


def test_a_silent_server(server, client):
    release = threading.Event()
    server.rule = lambda request: release.wait(10) and None
    try:
        with pytest.raises(http_client.NotReachable, match="^no answer in time$") as caught:
            client(timeout=0.05).request("GET", "/")
        assert caught.value.sent
        with pytest.raises(http_client.NotReachable, match="^no answer in time$"):
            client(timeout=10).request("GET", "/", timeout=0.05)
    finally:
        release.set()


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"]
)
def test_what_does_not_speak_http(answer):
    with pytest.raises(http_client.ProtocolError):
        http_client.Client(raw_server(answer)).request("GET", "/")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
    ids=["nothing", "length", "chunk"],
)
def test_an_answer_that_breaks_off(answer):
    with pytest.raises(http_client.NotReachable, match="closed before the end"):
        http_client.Client(raw_server(answer)).request("GET", "/")
    with (
        pytest.raises(http_client.NotReachable, match="closed before the end"),
        http_client.Client(raw_server(answer)).stream("GET", "/") as stream,
    ):
        stream.read()


def chunked(*parts):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


def test_a_stream_of_json_lines_and_another_request_meanwhile(server, client):
    connection = client()
    server.rule = passing(
        (200, {"Transfer-Encoding": "chunked"}, chunked(b'{"a": 1}\r\n{"b"', b": 2}\n\n", b'{"c": 3}'))
    )
    with connection.stream("POST", "/pull", b"x", headers={"X-Own": "1"}) as stream:
        lines = stream.lines()
        assert (stream.status, next(lines)) == (200, {"a": 1})
        assert connection.request("GET", "/meanwhile").status == 200
        assert list(lines) == [{"b": 2}, {"c": 3}]
    assert server.requests[0]["headers"]["X-Own"] == "1"
    connection.request("GET", "/after")
    assert server.connections == 2


def test_a_stream_without_a_length_ends_with_its_connection():
    with http_client.Client(raw_server(b"HTTP/1.1 200 OK\r\n\r\nall of it")).stream("GET", "/") as stream:
        assert stream.read() == b"all of it"


def test_a_stream_that_falls_silent(server, client):
    release = threading.Event()

    def rule(request):
        handler = request["handler"]
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"2\r\n{}\r\n")
        release.wait(10)

    server.rule = rule
    try:
        with (
            client().stream("GET", "/", timeout=0.5) as stream,
            pytest.raises(http_client.NotReachable, match="no answer in time"),
        ):
            list(stream.lines())
    finally:
        release.set()


def test_a_stream_left_early_does_not_spoil_the_next_request(server, client):
    connection = client()
    server.rule = passing((200, {}, b"x" * 1_000_000))
    with connection.stream("GET", "/") as stream:
        next(stream.chunks())
    assert connection.request("GET", "/").text == "{}"


def test_a_line_that_is_not_json(server, client):
    server.rule = lambda request: (200, {}, b"{}\nhtml\n")
    with client().stream("GET", "/") as stream, pytest.raises(http_client.ProtocolError):
        list(stream.lines())


def test_a_unix_socket(start, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    path = str(tmp_path / "s.sock")
    server = start(unix=path)
    client = http_client.Client("http://localhost", unix_socket=path, use_proxy=True)
    assert [client.request("GET", "/_ping").status, client.request("POST", "/x", b"{}").status] == [200, 200]
    assert (server.connections, server.requests[1]["body"]) == (1, b"{}")
    with pytest.raises(http_client.NotReachable, match="No such file or directory"):
        http_client.Client("http://localhost", unix_socket=str(tmp_path / "none")).request("GET", "/")
