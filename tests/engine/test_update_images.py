"""`make update-images` against a real registry: docker-registry, with tags that the engine of this machine pushed."""

from __future__ import annotations

import docker
import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.connections import Connections

from tests.engine.fleet import wait_until
from tests.engine.image import PREFIX
from tests.lab import images as lab_images
from tests.lab.services import registry_answers
from tests.tools import update_images

TAGS = ("1.30.0-alpine-slim", "1.30.5-alpine-slim", "1.30.9-alpine", "1.31.0-alpine-slim", "latest")
TABLE = """---
gpu_monitoring_images:
  nginx:
    repositories: [{registry}/library/nginx]
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


@pytest.fixture
def registry(api, images):
    """The address of a registry with tags of nginx, each of which is the test image."""
    client = docker.from_env()
    container = client.containers.run(
        lab_images.build("services", lab_images.bases()),
        ["docker-registry", "serve", "/etc/docker-registry.yml"],
        name=f"registry-{PREFIX.rpartition('-')[2]}",
        detach=True,
        ports={"5000/tcp": ("127.0.0.1", None)},
    )
    try:
        container.reload()
        address = f"127.0.0.1:{container.ports['5000/tcp'][0]['HostPort']}"
        wait_until(lambda: registry_answers(address), lambda: container.logs().decode())
        for tag in TAGS:
            api.tag(images[0], f"{address}/library/nginx", tag)
            pushed = api.push(f"{address}/library/nginx:{tag}", stream=True, decode=True)
            assert [line for line in pushed if "error" in line] == []
        yield address
        for tag in TAGS:
            api.remove_image(f"{address}/library/nginx:{tag}")
    finally:
        container.remove(force=True, v=True)
        client.close()


def test_the_newest_tag_of_the_line_comes_with_the_digest_that_the_engine_pushed(api, registry, monkeypatch):
    # Each page of the registry has one tag.
    monkeypatch.setattr(update_images, "_PAGE", 1)
    connections = Connections(plain_http=frozenset({registry, "127.0.0.1:9"}))
    table = TABLE.format(registry=registry)
    update = update_images.updated(table, update_images.Registries(connections).look_up)
    connections.close()
    names = api.inspect_image(f"{registry}/library/nginx:1.30.5-alpine-slim")["RepoDigests"]
    digest = next(name for name in names if name.startswith(registry)).partition("@")[2]
    assert update.text == table.replace("1.30.0", "1.30.5").replace('digest: ""', f'digest: "{digest}"', 1)
    assert update.report == [f"nginx: 1.30.0 without a digest -> 1.30.5 {digest}"]
    assert [line.partition(":")[0] for line in update.unanswered] == ["lost"]
