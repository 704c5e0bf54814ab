"""The module's own part: arguments, and hosts without the SDK."""

from __future__ import annotations

import contextlib
import io
import json
import sys

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mlops.gpu_monitoring.plugins.modules import container_service


def run(check=False, **options):
    output = io.StringIO()
    with patch_module_args({**options, "_ansible_check_mode": check}), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
        container_service.main()
    return json.loads(output.getvalue())


@pytest.fixture
def without_sdk(monkeypatch):
    monkeypatch.setattr(container_service, "HAS_SDK", False)


def names(options):
    """Options with their suboptions, as documented or as taken."""
    return {name: names(one.get("suboptions") or one.get("options") or {}) for name, one in options.items()}


def defaults(options):
    """Defaults of options and suboptions by path."""
    found = {}
    for name, one in options.items():
        found[name] = one.get("default")
        found.update({f"{name}.{key}": value for key, value in defaults(one.get("suboptions") or one.get("options") or {}).items()})
    return found


def test_what_is_documented_is_what_is_taken():
    documented = yaml.safe_load(container_service.DOCUMENTATION)["options"]
    assert names(documented) == names(container_service.ARGUMENTS)
    assert defaults(documented) == defaults(container_service.ARGUMENTS)


@pytest.mark.usefixtures("without_sdk")
def test_without_the_sdk_it_names_the_package_and_the_python():
    result = run(name="app", image="app:1")
    assert result["failed"]
    assert all(words in result["msg"] for words in ("python3-docker", sys.executable, "ansible_python_interpreter"))


@pytest.mark.usefixtures("without_sdk")
def test_without_the_sdk_check_mode_tells_what_would_be(tmp_path, capfd):
    secret = {"path": str(tmp_path / "secret"), "content": "correct-horse-battery"}
    result = run(check=True, name="fresh", image="app:1", networks=["monitoring"], secret_files=[secret])
    assert result["changed"]
    assert result["actions"] == ["pull image", "create network monitoring", f"write {tmp_path}/secret", "create container"]
    assert result["container"] == {}
    assert "python3-docker" in json.dumps(result) + capfd.readouterr().err
    assert "correct-horse-battery" not in json.dumps(result)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("without_sdk")
def test_without_the_sdk_check_mode_of_a_removal():
    assert not run(check=True, name="app", state="absent")["changed"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "app"}, "image"),
        ({"name": "app", "image": "app:1", "reload": {"signal": "HUP", "http": {"port": 1, "path": "/"}}}, "mutually exclusive"),
        ({"name": "app", "image": "app:1", "gpus": "all"}, "gpus"),
        ({"name": "app", "image": "app:1", "memory": "plenty"}, "memory: 'plenty'"),
    ],
)
def test_bad_arguments(options, words):
    result = run(check=True, docker_host="unix:///nonexistent.sock", **options)
    assert result["failed"]
    assert words in result["msg"]
