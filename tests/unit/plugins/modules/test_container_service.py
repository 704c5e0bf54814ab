"""The module's own part: arguments, and hosts without the SDK."""

from __future__ import annotations

import contextlib
import io
import json
import sys

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mlops.gpu_monitoring.plugins.modules import container_service


def run(*services, check=False, **options):
    output = io.StringIO()
    with patch_module_args({"services": services, **options, "_ansible_check_mode": check}), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
        container_service.main()
    return json.loads(output.getvalue())


@pytest.fixture
def without_sdk(monkeypatch):
    monkeypatch.setattr(container_service, "HAS_SDK", False)


def names(options):
    """Options with their suboptions, as documented or as taken."""
    return {name: names(option.get("suboptions") or option.get("options") or {}) for name, option in options.items()}


def defaults(options):
    """Defaults of options and suboptions by path."""
    by_path = {}
    for name, option in options.items():
        by_path[name] = option.get("default")
        by_path.update({f"{name}.{key}": value for key, value in defaults(option.get("suboptions") or option.get("options") or {}).items()})
    return by_path


def test_what_is_documented_is_what_is_taken():
    documented = yaml.safe_load(container_service.DOCUMENTATION)["options"]
    assert names(documented) == names(container_service.ARGUMENTS)
    assert defaults(documented) == defaults(container_service.ARGUMENTS)


@pytest.mark.usefixtures("without_sdk")
def test_without_the_sdk_it_names_the_package_and_the_python():
    result = run({"name": "app", "image": "app:1"})
    assert result["failed"]
    assert all(words in result["msg"] for words in ("python3-docker", sys.executable, "ansible_python_interpreter"))


@pytest.mark.usefixtures("without_sdk")
def test_without_the_sdk_check_mode_tells_what_would_be(tmp_path, capfd):
    secret = {"path": str(tmp_path / "secret"), "content": "correct-horse-battery"}
    result = run({"name": "fresh", "image": "app:1", "networks": ["monitoring"], "secret_files": [secret]}, check=True)
    assert result["changed"]
    assert result["services"][0]["actions"] == ["pull image", "create network monitoring", f"write {tmp_path}/secret", "create container"]
    assert result["services"][0]["container"] == {}
    assert "python3-docker" in json.dumps(result) + capfd.readouterr().err
    assert "correct-horse-battery" not in json.dumps(result)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("without_sdk")
def test_without_the_sdk_check_mode_of_a_removal():
    assert not run({"name": "app", "state": "absent"}, check=True)["changed"]


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ({"name": "app"}, "image"),
        ({"name": "app", "image": "app:1", "reload": {"signal": "HUP", "http": {"port": 1, "path": "/"}}}, "mutually exclusive"),
        ({"name": "app", "image": "app:1", "gpus": "all"}, "gpus"),
        ({"name": "app", "image": "app:1", "memory": "plenty"}, "memory: 'plenty'"),
    ],
)
def test_bad_arguments(service, words):
    result = run(service, check=True, docker_host="unix:///nonexistent.sock")
    assert result["failed"]
    assert words in result["msg"]


def test_two_services_of_one_name_are_refused():
    result = run({"name": "app", "image": "app:1"}, {"name": "app", "state": "absent"})
    assert result["failed"]
    assert "the name app is given twice" in result["msg"]


@pytest.mark.usefixtures("without_sdk")
def test_a_service_that_fails_hides_no_other():
    services = [{"name": name, "image": "app:1", "memory": memory} for name, memory in (("a1", "plenty"), ("a2", "1g"), ("a3", "lots"))]
    result = run(*services, check=True)
    assert result["failed"]
    assert [(service["name"], service["failed"], service["changed"]) for service in result["services"]] == [
        ("a1", True, False), ("a2", False, True), ("a3", True, False)]  # fmt: skip
    assert all(words in result["msg"] for words in ("a1: memory: 'plenty'", "a3: memory: 'lots'", "did not fail: a2"))
    assert [change["after_header"] for change in result["diff"]] == ["container a2"]
    assert result["changed"]


@pytest.mark.usefixtures("without_sdk")
def test_secrets_of_several_lines_are_nowhere_in_the_result_or_the_log(tmp_path, monkeypatch, capfd):
    logged = []
    monkeypatch.setattr(AnsibleModule, "log", lambda self, msg, log_args=None: logged.append((msg, log_args)))
    secret = {"path": str(tmp_path / "key"), "content": "-----BEGIN KEY-----\nplanted-secret\n-----END KEY-----\n"}
    result = run({"name": "app", "image": "app:1", "secret_files": [secret]}, check=True, _ansible_inject_invocation=True)
    assert result["invocation"]["module_args"]["services"][0]["name"] == "app"
    shown = json.dumps(result) + str(logged) + "".join(capfd.readouterr())
    assert "Invoked with" in shown
    assert "planted-secret" not in shown
