"""Images from a real registry through a bundle to another name there and to the engine of this machine."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import subprocess
from pathlib import Path

import docker
import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import (
    archive,
    contents,
    download,
    image_layout,
    layout,
    push,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.collection import VERSION
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.client import Manifest, Registry
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.connections import Connections
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.reference import parse
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.registry_login import Login
from ansible_collections.mlops.gpu_monitoring.plugins.modules import image_load

from tests import examples
from tests.engine import registry_server
from tests.engine.failed import Failed
from tests.engine.image import PREFIX
from tests.engine.registry_server import PASSWORD, USER
from tests.unit.plugins.action.monitoring_host import run_tasks

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of a registry that wants a login."""
    with registry_server.running("bundle", tmp_path_factory.mktemp("registry")) as given:
        yield given


@pytest.fixture(scope="module")
def registry(address):
    """Our client for it."""
    login = Login("the test", "", {"username": USER, "password": PASSWORD})
    return Registry(address, login, Connections(plain_http=frozenset([address])))


@pytest.fixture(scope="module")
def reference(api, images, address, registry):
    """An image for two platforms in the registry, of which one is that of this machine."""
    login = {"username": USER, "password": PASSWORD}
    for number, image in enumerate(images):
        api.tag(image, f"{address}/up/stream", f"part{number}")
        api.push(f"{address}/up/stream:part{number}", auth_config=login)
        api.remove_image(f"{address}/up/stream:part{number}")
    put_index(registry, "1", [("part0", "amd64"), ("part1", "arm64")])
    return f"{address}/up/stream:1"


def put_index(registry, tag, parts):
    """Make an index of images in the registry, by tag and architecture."""
    manifests = []
    for part, architecture in parts:
        manifest = registry.manifest("up/stream", part)
        described = {"mediaType": manifest.media_type, "digest": manifest.digest, "size": len(manifest.content)}
        manifests.append({**described, "platform": {"os": "linux", "architecture": architecture}})
    content = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests}).encode()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    registry.put_manifest("up/stream", tag, Manifest(content, INDEX_TYPE, digest))
    return digest


@pytest.fixture(scope="module")
def bundle(reference, registry, tmp_path_factory):
    """A bundle with the image for this machine's platform, and its entry for the image."""
    folder = str(tmp_path_factory.mktemp("bundle"))
    image = download.ImageDownload(folder, ["linux/amd64"], lambda _name: registry, lambda _text: None).fetch(reference)
    image_layout.write(folder, [image])
    return folder, image


@pytest.fixture
def load(api, bundle, tmp_path):
    """Runs the module for the image under a name, and removes it in the end."""
    folder, image = bundle
    name = f"docker.io/{PREFIX}/loaded:1"

    def run(step, check=False, accepted=None):
        wanted = {
            "name": name,
            "accepted": accepted or image_layout.accepted(image),
            "media_type": image_layout.descriptor(folder, image["platforms"][0]["manifest"])["mediaType"],
            "platforms": image["platforms"],
        }
        options = {"images": [wanted], "transfer_dir": str(tmp_path), "step": step, "_ansible_check_mode": check}
        output = io.StringIO()
        with patch_module_args(options), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
            image_load.main()
        result = json.loads(output.getvalue())
        if result.get("failed"):
            raise Failed(result["msg"])
        return result

    run.name = name
    yield run
    with contextlib.suppress(docker.errors.ImageNotFound):
        api.remove_image(name, force=True)


def transfer(folder, digests, target):
    """Copy blobs as the action sends them."""
    for digest in digests:
        path = Path(target, layout.TRANSFER, layout.blob_in_images(digest))
        path.write_bytes(Path(layout.blob(folder, digest)).read_bytes())


def test_a_registry_gets_what_was_fetched_with_the_digest_that_it_had(api, bundle, registry, address):
    folder, image = bundle
    pushed = push.push(folder, image, parse(f"{address}/mirror/it:1"), registry, lambda _text: None)
    # This registry refuses an index without all its manifests.
    assert pushed["digest"] == image["platforms"][0]["manifest"]
    assert pushed["sent_bytes"] > 0
    again = push.push(folder, image, parse(f"{address}/mirror/it:1"), registry, lambda _text: None)
    assert (again["changed"], again["sent_bytes"]) == (False, 0)
    api.pull(f"{address}/mirror/it", "1", auth_config={"username": USER, "password": PASSWORD})
    assert api.inspect_image(f"{address}/mirror/it:1")["Id"] in image_layout.accepted(image)
    api.remove_image(f"{address}/mirror/it:1")


def test_an_image_with_all_its_platforms_keeps_the_digest_of_the_index(reference, registry, address, tmp_path):
    digest = put_index(registry, "whole", [("part0", "amd64")])
    fetched = download.ImageDownload(str(tmp_path), ["linux/amd64"], lambda _name: registry, lambda _text: None)
    image = fetched.fetch(f"{reference.rpartition(':')[0]}:whole")
    pushed = push.push(str(tmp_path), image, parse(f"{address}/mirror/whole:1"), registry, lambda _text: None)
    assert pushed["digest"] == digest == registry.manifest("mirror/whole", "1").digest


def test_docker_load_takes_a_tar_of_the_folder(api, bundle, reference):
    folder, image = bundle
    with contextlib.suppress(docker.errors.ImageNotFound):
        api.remove_image(reference, force=True)
    tar = subprocess.Popen(["tar", "--create", "."], cwd=f"{folder}/images", stdout=subprocess.PIPE)
    loaded = subprocess.run(["docker", "load"], stdin=tar.stdout, capture_output=True, text=True, check=True)
    tar.wait()
    assert reference in loaded.stdout
    assert api.inspect_image(reference)["Id"] == image["platforms"][0]["config"]
    api.remove_image(reference)


def test_only_what_is_missing_is_loaded_and_the_folder_is_removed(api, bundle, load, tmp_path):
    folder, image = bundle
    prepared = load("prepare")
    assert prepared["blobs"] == archive.blobs(image["platforms"][0])
    assert prepared["images"] == [load.name]
    transfer(folder, prepared["blobs"][:1], tmp_path)
    assert load("prepare")["blobs"] == prepared["blobs"][1:]
    transfer(folder, prepared["blobs"], tmp_path)
    assert load("load")["changed"]
    assert api.inspect_image(load.name)["Id"] in image_layout.accepted(image)
    assert [*tmp_path.iterdir()] == []
    (tmp_path / layout.TRANSFER).mkdir()
    assert load("prepare") | {"invocation": 0} == {"changed": False, "images": [], "blobs": [], "invocation": 0}
    assert [*tmp_path.iterdir()] == []


def test_check_mode_makes_no_folder(load, tmp_path):
    assert load("prepare", check=True)["changed"]
    assert [*tmp_path.iterdir()] == []


def test_a_blob_that_arrived_broken_is_not_loaded(bundle, load, tmp_path):
    folder, _image = bundle
    blobs = load("prepare")["blobs"]
    transfer(folder, blobs, tmp_path)
    with open(Path(tmp_path, layout.TRANSFER, layout.blob_in_images(blobs[-1])), "ab") as file:
        file.write(b"!")
    with pytest.raises(Failed, match=f"{blobs[-1]} arrived incomplete. Run the playbook load again"):
        load("load")


def test_an_image_that_is_not_that_of_the_bundle_is_named(bundle, load, tmp_path):
    folder, _image = bundle
    other = ["sha256:" + "0" * 64]
    transfer(folder, load("prepare", accepted=other)["blobs"], tmp_path)
    with pytest.raises(Failed, match="the engine has it as sha256:.*, which is not in the bundle"):
        load("load", accepted=other)


def test_a_host_without_room_gets_nothing(load, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1_000_000_000})
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage)
    with pytest.raises(
        Failed, match=r"bundle_transfer_dir on localhost: .* has 1000 MB \(1000000000 bytes\) free, and .* bytes\)"
    ):
        load("prepare")
    assert [*tmp_path.iterdir()] == []


def service_of(run, name, image, digests, pull=False):
    """Deploy a service of the image as with a bundle."""
    return run(name=name, image=image, bundled_images={image: {"digests": digests, "pull": pull}})


def test_a_service_uses_the_loaded_image_without_a_pull(bundle, load, tmp_path, run, name):
    folder, image = bundle
    with pytest.raises(Failed, match=f"{load.name} is not on this host, and gpu_monitoring_bundle allows no registry."):
        service_of(run, name, load.name, image_layout.accepted(image))
    transfer(folder, load("prepare")["blobs"], tmp_path)
    load("load")
    result = service_of(run, name, load.name, image_layout.accepted(image))
    assert "pull image" not in result["actions"]
    assert not service_of(run, name, load.name, image_layout.accepted(image))["changed"]
    with pytest.raises(
        Failed, match=r"differs on this host \(sha256:.*\) from the image in the bundle.*Run the playbook load"
    ):
        service_of(run, name, load.name, ["sha256:other"])


def test_a_service_takes_only_the_image_of_the_bundle_from_the_registry_of_the_site(
    api, bundle, registry, address, run, name
):
    folder, image = bundle
    reference = f"{address}/mirror/pulled:1"
    push.push(folder, image, parse(reference), registry, lambda _text: None)
    login = {"registry": address, "registry_username": USER, "registry_password": PASSWORD}
    given = {"name": name, "image": reference, **login}
    try:
        with pytest.raises(Failed, match="of the registry is sha256:.*, which is not in the bundle"):
            run(**given, bundled_images={reference: {"digests": ["sha256:other"], "pull": True}})
        assert api.containers(all=True, filters={"name": name}) == []
        wanted = {reference: {"digests": image_layout.accepted(image), "pull": True}}
        assert run(**given, bundled_images=wanted)["changed"]
        assert not run(**given, bundled_images=wanted)["changed"]
    finally:
        for container in api.containers(all=True, filters={"name": name}):
            api.remove_container(container, force=True)
        api.remove_image(reference, force=True)


@pytest.mark.parametrize("module", examples.run_by(__file__))
def test_the_examples_load_the_images_of_the_host(api, bundle, reference, tmp_path, module):
    folder, image = bundle
    contents.update(folder, VERSION, images=[image], platforms=["linux/amd64"])
    roles = ("alertmanager", "grafana", "node_exporter", "prometheus")
    host = {"ansible_connection": "local", **{f"{role}_image": reference for role in roles}}
    inventory = tmp_path / "inventory.json"
    inventory.write_text(json.dumps({"all": {"children": {"monitoring": {"hosts": {"localhost": host}}}}}))
    places = {"/srv/gpu-monitoring-bundle": folder, "/scratch": str(tmp_path)}
    remove = {"name": "Remove the image", "ansible.builtin.command": {"argv": ["docker", "image", "rm", reference]}}
    loads = [
        {**example, "failed_when": "made is not changed", "register": "made"}
        for example in examples.read(module, places)
    ]
    with contextlib.suppress(docker.errors.ImageNotFound):
        api.remove_image(reference, force=True)
    done = run_tasks(tmp_path, [task for load in loads for task in (load, remove)], "-i", inventory)
    assert done.returncode == 0, done.stdout + done.stderr
