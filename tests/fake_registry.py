"""A stand-in for a registry and its token server, which counts requests."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
LAYER = b"a layer " * 10_000


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class FakeRegistry:
    """Serves what is `stored` by repository and digest or tag. `faults` are functions that may answer a request
    instead.
    """

    def __init__(self, context=None):
        self.stored, self.types, self.requests, self.faults = {}, {}, [], []
        self.login, self.bearer = None, False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_arguments):
                pass

            def answer(self):
                self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.requests.append((self.command, self.path, self.headers))
                for fault in [*outer.faults]:
                    if fault(self):
                        return
                outer.handle(self)

            def reply(self, status, content=b"", **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                if "Content_Length" not in headers:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_HEAD = do_POST = do_PUT = answer

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        # Clients of the tests break connections.
        self.server.handle_error = lambda *_arguments: None
        self.name = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def count(self, method, word=""):
        return sum(1 for asked, path, _headers in self.requests if asked == method and word in path)

    def handle(self, request):
        url = urlsplit(request.path)
        if url.path == "/token":
            return self.give_token(request, parse_qs(url.query))
        if not self.may(request):
            way = f'Bearer realm="http://{self.name}/token",service="fake"' if self.bearer else 'Basic realm="fake"'
            return request.reply(401, b'{"errors":[{"code":"UNAUTHORIZED","message":"log in"}]}', WWW_Authenticate=way)
        repository, kind, version = re.fullmatch(r"/v2/(.+?)/(manifests|blobs)/(.+)", url.path).groups()
        if request.command == "POST":
            return request.reply(202, Location=f"/v2/{repository}/blobs/session?_state=a%3D%3D")
        if request.command == "PUT" and kind == "blobs":
            digest = parse_qs(url.query)["digest"][0]
            self.stored[repository, digest] = request.body
            return request.reply(201 if digest_of(request.body) == digest else 400)
        if request.command == "PUT":
            self.types[digest_of(request.body)] = request.headers["Content-Type"]
            self.stored[repository, version] = self.stored[repository, digest_of(request.body)] = request.body
            return request.reply(201)
        if (repository, version) not in self.stored:
            return request.reply(404, b'{"errors":[{"code":"UNKNOWN","message":"nobody knows it"}]}')
        content = self.stored[repository, version]
        media_type = self.types.get(digest_of(content), "application/octet-stream")
        first = int((request.headers.get("Range") or "bytes=0-")[len("bytes=") : -1])
        return request.reply(206 if first else 200, content[first:], Content_Type=media_type)

    def may(self, request):
        given = request.headers.get("Authorization")
        return self.login is None or given == ("Bearer good" if self.bearer else self.basic())

    def basic(self):
        return "Basic " + base64.b64encode(":".join(self.login).encode()).decode()

    def give_token(self, request, query):
        if request.headers.get("Authorization") != self.basic():
            return request.reply(401)
        self.scope = query["scope"]
        return request.reply(200, b'{"token": "good"}')


def descriptor(content, media_type, **more):
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content), **more}


def store(fake, architectures, repository="a/b", tag="1", index=True):
    """Put an image into the stand-in; the digest by its tag."""
    manifests = []
    for architecture in architectures:
        config = json.dumps({"os": "linux", "architecture": architecture}).encode()
        layer = gzip.compress(LAYER + architecture.encode(), mtime=0)
        parts = {
            "config": descriptor(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [descriptor(layer, "application/vnd.oci.image.layer.v1.tar+gzip")],
        }
        manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST_TYPE, **parts}).encode()
        for content in (config, layer, manifest):
            fake.stored[repository, digest_of(content)] = content
        fake.types[digest_of(manifest)] = MANIFEST_TYPE
        manifests.append(descriptor(manifest, MANIFEST_TYPE, platform={"os": "linux", "architecture": architecture}))
    top = (
        json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests}).encode()
        if index
        else manifest
    )
    fake.types[digest_of(top)] = INDEX_TYPE if index else MANIFEST_TYPE
    fake.stored[repository, tag] = fake.stored[repository, digest_of(top)] = top
    return digest_of(top)
