"""Images through a bundle, from one stand-in for a registry to another: the bytes and the digests stay."""

from __future__ import annotations

import json
import os
import shutil
from collections import namedtuple
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import download, image_layout, layout, push
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.client import Registry
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.connections import Connections
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.reference import parse
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.registry_login import Login

from tests.fake_registry import LAYER, FakeRegistry, digest_of, store


def client(fake):
    return Registry(fake.name, Login(), Connections(plain_http=frozenset([fake.name])))


@pytest.fixture
def fake():
    server = FakeRegistry()
    yield server
    server.close()


@pytest.fixture
def site():
    server = FakeRegistry()
    yield server
    server.close()


@pytest.fixture
def fetch(fake, tmp_path):
    """Fetches references of the stand-in into the bundle, and gives the images."""

    def run(*tags, platforms=("linux/amd64",)):
        fetched = download.ImageDownload(str(tmp_path), platforms, lambda _name: client(fake), lambda _text: None)
        images = [fetched.fetch(f"{fake.name}/a/b:{tag}") for tag in tags]
        image_layout.write(str(tmp_path), images)
        return images

    return run


def test_one_platform_of_several(fake, fetch, tmp_path):
    digest = store(fake, ["amd64", "arm64"])
    (image,) = fetch("1")
    (platform,) = image["platforms"]
    assert (image["digest"], image["reduced"]) == (digest, platform["manifest"])
    assert platform["platform"] == "linux/amd64"
    assert platform["unpacked_size"] == len(LAYER) + len("amd64")
    assert {*os.listdir(tmp_path / "images/blobs/sha256")} == {
        name.partition(":")[2] for name in (digest, platform["manifest"], *platform["blobs"])
    }
    for name in (digest, platform["manifest"], *platform["blobs"]):
        assert digest_of(Path(layout.blob(str(tmp_path), name)).read_bytes()) == name


def test_the_files_of_the_layout(fake, fetch, tmp_path):
    digest = store(fake, ["amd64"], index=False)
    (image,) = fetch("1")
    folder = tmp_path / "images"
    assert json.loads((folder / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    (listed,) = json.loads((folder / "index.json").read_text())["manifests"]
    assert (listed["digest"], listed["annotations"]["io.containerd.image.name"]) == (digest, f"{fake.name}/a/b:1")
    (entry,) = json.loads((folder / "manifest.json").read_text())
    assert entry["RepoTags"] == [f"{fake.name}/a/b:1"]
    assert all((folder / path).is_file() for path in (entry["Config"], *entry["Layers"]))
    assert image["reduced"] == digest


def test_what_no_image_needs_is_removed(fake, fetch, tmp_path):
    store(fake, ["amd64"])
    store(fake, ["arm64"], tag="2")
    fetch("1")
    before = {*os.listdir(tmp_path / "images/blobs/sha256")}
    fetch("2", platforms=["linux/arm64"])
    assert before.isdisjoint(os.listdir(tmp_path / "images/blobs/sha256"))


def test_a_manifest_of_the_first_schema_is_named(fake, fetch):
    content = b'{"schemaVersion": 1, "fsLayers": []}'
    fake.types[digest_of(content)] = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    fake.stored["a/b", "1"] = content
    with pytest.raises(BundleError, match=r"is not an image that engines run \(application/vnd.*v1\+prettyjws\)"):
        fetch("1")


def test_an_index_with_attestations_gives_the_image_alone(fake, fetch, site, tmp_path):
    store(fake, ["amd64"])
    index = json.loads(fake.stored["a/b", "1"])
    unknown = {"os": "unknown", "architecture": "unknown"}
    index["manifests"].append({**index["manifests"][0], "digest": "sha256:" + "0" * 64, "platform": unknown})
    content = json.dumps(index).encode()
    fake.types[digest_of(content)] = fake.types[digest_of(fake.stored["a/b", "1"])]
    fake.stored["a/b", "1"] = content
    (image,) = fetch("1")
    assert (image["digest"], image["reduced"]) == (digest_of(content), index["manifests"][0]["digest"])
    refuses_incomplete(site)
    assert send(tmp_path, image, site)["digest"] == image["platforms"][0]["manifest"]


def test_a_registry_cannot_name_a_file_outside_of_the_bundle(fake, fetch, tmp_path):
    digest = store(fake, ["amd64"], index=False)
    manifest = json.loads(fake.stored["a/b", digest])
    manifest["layers"][0]["digest"] = "sha256:../../../../outside"
    content = json.dumps(manifest).encode()
    fake.types[digest_of(content)] = fake.types[digest]
    fake.stored["a/b", "1"] = content
    with pytest.raises(BundleError, match="'sha256:../../../../outside' is not the SHA-256 of a blob"):
        fetch("1")
    assert fake.count("GET", "blobs") == 0


def test_a_second_run_asks_for_no_blob(fake, fetch):
    store(fake, ["amd64"])
    fetch("1")
    asked = fake.count("GET", "blobs")
    fetch("1")
    assert fake.count("GET", "blobs") == asked == 2


@pytest.mark.parametrize("index", [True, False])
def test_a_platform_that_an_image_lacks_is_an_error(fake, fetch, index):
    store(fake, ["amd64"], index=index)
    with pytest.raises(
        BundleError, match="platforms: .*a/b:1 has none for linux/arm64, but for linux/amd64. Leave linux/arm64 out"
    ):
        fetch("1", platforms=["linux/arm64"])


def test_a_disk_that_is_too_small_is_not_filled(fake, fetch, monkeypatch):
    store(fake, ["amd64"])
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(400_000_000))
    with pytest.raises(BundleError, match="has 400 MB free, and .*a/b:1 needs 500 MB"):
        fetch("1")
    assert fake.count("GET", "blobs") == 0


def send(tmp_path, image, site, name="c/d:1"):
    return push.push(str(tmp_path), image, parse(f"{site.name}/{name}"), client(site), lambda _text: None)


def test_the_digest_stays(fake, fetch, site, tmp_path):
    digest = store(fake, ["amd64", "arm64"])
    (image,) = fetch("1", platforms=["linux/amd64", "linux/arm64"])
    pushed = send(tmp_path, image, site)
    assert (pushed["digest"], pushed["changed"]) == (digest, True)
    assert client(site).manifest("c/d", "1").digest == digest
    assert all(
        content == fake.stored["a/b", version] for (_c_d, version), content in site.stored.items() if version != "1"
    )


def test_a_registry_that_hides_new_repositories_is_asked_for_a_token_to_push(fake, fetch, site, tmp_path):
    store(fake, ["amd64"])
    (image,) = fetch("1")
    asked = []

    def hidden(request):
        if "/token" in request.path:
            asked.append(parse_qs(urlsplit(request.path).query)["scope"])
            request.reply(200, b'{"token": "%d"}' % ("push" in asked[-1][0]))
        elif request.headers.get("Authorization") != "Bearer 1":
            way = f'Bearer realm="http://{site.name}/token",service="quay",scope="repository:c/d:pull"'
            request.reply(401, WWW_Authenticate=way)
        else:
            return False
        return True

    site.faults = [hidden]
    assert send(tmp_path, image, site)["changed"]
    assert asked == [["repository:c/d:pull,push"]]


def test_a_registry_that_has_all_gets_nothing(fake, fetch, site, tmp_path):
    store(fake, ["amd64"])
    (image,) = fetch("1")
    send(tmp_path, image, site)
    asked = len(site.requests)
    assert send(tmp_path, image, site) == {
        "reference": f"{site.name}/c/d:1",
        "digest": image["digest"],
        "changed": False,
        "sent_bytes": 0,
    }
    assert len(site.requests) == asked + 1
    del site.stored["c/d", "1"]
    assert send(tmp_path, image, site)["sent_bytes"] == 0


def refuses_incomplete(site):
    """A fault: the registry refuses an index with manifests that it does not have."""

    def fault(request):
        if request.command != "PUT" or "/manifests/" not in request.path:
            return False
        listed = json.loads(request.body).get("manifests", [])
        if all(("c/d", manifest["digest"]) in site.stored for manifest in listed):
            return False
        request.reply(400, b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}')
        return True

    site.faults = [fault]


def test_a_registry_that_wants_whole_indices_gets_the_manifest(fake, fetch, site, tmp_path):
    store(fake, ["amd64", "arm64"])
    (image,) = fetch("1")
    refuses_incomplete(site)
    assert send(tmp_path, image, site)["digest"] == image["platforms"][0]["manifest"]
    assert not send(tmp_path, image, site)["changed"]


def test_a_registry_that_wants_whole_indices_gets_one_of_the_platforms_there_are(fake, fetch, site, tmp_path):
    store(fake, ["amd64", "arm64", "s390x"])
    (image,) = fetch("1", platforms=["linux/amd64", "linux/arm64"])
    refuses_incomplete(site)
    digest = send(tmp_path, image, site)["digest"]
    assert digest == image["reduced"] != image["digest"]
    assert digest in image_layout.accepted(image)
    listed = json.loads(client(site).manifest("c/d", digest).content)["manifests"]
    assert [manifest["digest"] for manifest in listed] == [platform["manifest"] for platform in image["platforms"]]
