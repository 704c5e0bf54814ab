"""Pulls from a real registry that wants a login: docker-registry with htpasswd, and the engine of this machine."""

from __future__ import annotations

import base64
import contextlib
import json
import stat

import docker
import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.filter.web_password_hash import web_password_hash

from tests.engine.failed import Failed
from tests.engine.fleet import wait_until
from tests.engine.image import PREFIX
from tests.lab import images as lab_images
from tests.lab.services import registry_answers

USER, PASSWORD = "puller", "correct-horse-battery"
CONFIG = """
version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: /var/lib/docker-registry}}
http: {addr: ":5000"}
auth: {htpasswd: {realm: test, path: /etc/registry/htpasswd}}
"""


@pytest.fixture(scope="module")
def image(api, images, tmp_path_factory):
    """A reference of the test image in a registry that wants a login. The engine of this machine has it not."""
    folder = tmp_path_factory.mktemp("registry")
    (folder / "config.yml").write_text(CONFIG)
    (folder / "htpasswd").write_text(f"{USER}:{web_password_hash(PASSWORD, USER)}\n")
    client = docker.from_env()
    registry = client.containers.run(
        lab_images.build("services", lab_images.bases()),
        ["docker-registry", "serve", "/etc/registry/config.yml"],
        name=f"registry-{PREFIX.rpartition('-')[2]}",
        detach=True,
        ports={"5000/tcp": ("127.0.0.1", None)},
        volumes={str(folder): {"bind": "/etc/registry", "mode": "ro"}},
    )
    try:
        registry.reload()
        address = f"127.0.0.1:{registry.ports['5000/tcp'][0]['HostPort']}"
        wait_until(lambda: registry_answers(address, 401), lambda: registry.logs().decode())
        reference = f"{address}/{PREFIX}:1"
        api.tag(images[0], f"{address}/{PREFIX}", "1")
        login = {"username": USER, "password": PASSWORD}
        errors = [line for line in api.push(reference, stream=True, decode=True, auth_config=login) if "error" in line]
        assert errors == []
        api.remove_image(reference)
        yield reference
    finally:
        registry.remove(force=True, v=True)
        client.close()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The home of the user that the module runs as, with a folder for Docker's configuration."""
    (tmp_path / ".docker").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def deploy(api, run, name, image):
    """Deploys a service of the image, which the engine has not, and returns the result."""
    yield lambda **options: run(name=name, image=image, **options)
    with contextlib.suppress(docker.errors.ImageNotFound):
        api.remove_image(image, force=True)


def configure(home, **config):
    (home / ".docker" / "config.json").write_text(json.dumps(config))


def helper(home, monkeypatch, script):
    """Put the credential helper `test` into the search path."""
    path = home / "docker-credential-test"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{home}:/usr/bin:/bin")


def test_the_login_of_the_options(deploy, image, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    result = deploy(registry=image.partition("/")[0], registry_username=USER, registry_password=PASSWORD)
    assert result["actions"][0] == "pull image"
    assert PASSWORD not in json.dumps(result)


def test_a_wrong_password_is_named(deploy, image):
    with pytest.raises(Failed, match="was asked with the login of registry_username and registry_password") as caught:
        deploy(registry=image.partition("/")[0], registry_username=USER, registry_password="another-word")
    assert "another-word" not in str(caught.value)


def test_the_login_of_another_registry_is_not_given(deploy):
    with pytest.raises(Failed, match="was asked without credentials: set gpu_monitoring_registry_username"):
        deploy(registry="registry.example.com", registry_username=USER, registry_password=PASSWORD)


def test_the_login_that_docker_login_left(deploy, image, home):
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    configure(home, auths={image.partition("/")[0]: {"auth": login}})
    assert deploy()["changed"]


def test_a_credential_helper(deploy, home, monkeypatch):
    helper(home, monkeypatch, f'echo \'{{"Username": "{USER}", "Secret": "{PASSWORD}"}}\'')
    configure(home, credsStore="test")
    assert deploy()["changed"]


@pytest.mark.parametrize("script", ["", "echo pass is not initialized; exit 1"], ids=["missing", "broken"])
def test_a_refusal_names_the_helper_that_does_not_work(deploy, home, monkeypatch, script):
    if script:
        helper(home, monkeypatch, script)
    configure(home, credsStore="test")
    words = "ended with 1: pass is not initialized" if script else "is not installed"
    with pytest.raises(
        Failed, match=rf"(basic auth|unauthorized|authentication).*docker-credential-test, named in .* {words}"
    ):
        deploy()
