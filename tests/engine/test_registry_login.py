"""Pulls from a real registry that wants a login: docker-registry with htpasswd, and the engine of this machine."""

from __future__ import annotations

import base64
import contextlib
import json
import stat

import docker
import pytest

from tests.engine import registry_server
from tests.engine.failed import Failed
from tests.engine.image import PREFIX
from tests.engine.registry_server import PASSWORD, USER


@pytest.fixture(scope="module")
def image(api, images, tmp_path_factory):
    """A reference of the test image in a registry that requires a login. The engine of this machine does not have the
    image.
    """
    with registry_server.running("registry", tmp_path_factory.mktemp("registry")) as address:
        reference = f"{address}/{PREFIX}:1"
        api.tag(images[0], f"{address}/{PREFIX}", "1")
        login = {"username": USER, "password": PASSWORD}
        errors = [line for line in api.push(reference, stream=True, decode=True, auth_config=login) if "error" in line]
        assert errors == []
        api.remove_image(reference)
        yield reference


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
