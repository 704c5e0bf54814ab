"""`make update-images` against a real registry: docker-registry, with tags that the engine of this machine pushed."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

import docker
import pytest
import yaml
from ansible_collections.mlops.gpu_monitoring.plugins.filter.image_reference import image_reference
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.connections import Connections

from tests.engine import registry_server
from tests.engine.image import PREFIX
from tests.engine.service import remove_all
from tests.tools import update_images

TAGS = ("1.30.0-alpine-slim", "1.30.5-alpine-slim", "1.30.9-alpine", "1.31.0-alpine-slim", "latest")
TABLE = """---
gpu_monitoring_images:
  nginx:
    repositories: [{registry}/{prefix}/nginx]
    line: "1.30"
    version: 1.30.0
    tag: "{{version}}-alpine-slim"
    digest: ""
  lost:
    repositories: [127.0.0.1:9/library/lost]
    line: "1"
    version: 1.0.0
    tag: "{{version}}"
    digest: ""
"""


class Pushed(NamedTuple):
    """The address of a registry, and the digest of the image that was pushed to it."""

    address: str
    digest: str


@pytest.fixture(scope="module")
def registry(api, images):
    """A registry with tags of nginx, each of which is the test image. The engine of this machine has none of them."""
    with registry_server.running("registry") as address:
        digests = {push(api, images[0], f"{address}/{PREFIX}/nginx", tag) for tag in TAGS}
        assert len(digests) == 1
        yield Pushed(address, digests.pop())


def push(api, image, repository, tag):
    """Push an image under a tag, forget the tag, and return the digest."""
    api.tag(image, repository, tag)
    lines = list(api.push(f"{repository}:{tag}", stream=True, decode=True))
    assert [line for line in lines if "error" in line] == []
    api.remove_image(f"{repository}:{tag}")
    return next(line["aux"]["Digest"] for line in lines if "Digest" in line.get("aux", {}))


@pytest.fixture(scope="module")
def update(registry):
    """The update of the table from a registry of which each page has one tag."""
    connections = Connections(plain_http=frozenset({registry.address, "127.0.0.1:9"}))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(update_images, "_PAGE", 1)
        look_up = update_images.Registries(connections).look_up
        answered = update_images.updated(TABLE.format(registry=registry.address, prefix=PREFIX), look_up)
    connections.close()
    return answered


def test_the_newest_tag_of_the_line_comes_with_the_digest_that_the_engine_pushed(registry, update):
    address, digest = registry
    table = TABLE.format(registry=address, prefix=PREFIX)
    assert update.text == table.replace("1.30.0", "1.30.5").replace('digest: ""', f'digest: "{digest}"', 1)
    assert update.report == [f"nginx: 1.30.0 without a digest -> 1.30.5 {digest}"]
    assert [line.partition(":")[0] for line in update.unanswered] == ["lost"]


def test_a_service_of_the_table_is_pulled_by_the_digest_and_stays(api, run, name, registry, update):
    reference = image_reference(yaml.safe_load(update.text)["gpu_monitoring_images"]["nginx"], "1.30.5")
    assert reference == f"{registry.address}/{PREFIX}/nginx:1.30.5-alpine-slim@{registry.digest}"
    try:
        assert run(check=True, name=name, image=reference)["changed"]
        assert api.images(f"{registry.address}/{PREFIX}/nginx") == []
        assert run(name=name, image=reference)["changed"]
        assert api.inspect_container(name)["Config"]["Image"] == reference
        assert not run(name=name, image=reference)["changed"]
        assert not run(check=True, name=name, image=reference)["changed"]
    finally:
        remove_all(api)
        with contextlib.suppress(docker.errors.ImageNotFound):
            api.remove_image(reference)
