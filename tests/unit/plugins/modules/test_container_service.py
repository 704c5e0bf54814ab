"""The module's own part: arguments, and hosts without an engine."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.parameters import PASS_VARS
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mlops.gpu_monitoring.plugins.modules import container_service


def run(*services, check=False, **options):
    output = io.StringIO()
    arguments = {"services": services, **options, "_ansible_check_mode": check}
    with patch_module_args(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
        container_service.main()
    # From 2.22 on, ansible-core takes this out of the result on the controller, and masks these values there.
    return {name: value for name, value in json.loads(output.getvalue()).items() if name != "_ansible_new_secrets"}


@pytest.fixture
def no_engine(tmp_path_factory):
    """The address of an engine that does not exist."""
    return f"unix://{tmp_path_factory.mktemp('none')}/docker.sock"


def names(options):
    """Options with their suboptions, as documented or as taken."""
    return {name: names(option.get("suboptions") or option.get("options") or {}) for name, option in options.items()}


def defaults(options):
    """Defaults of options and suboptions by path."""
    by_path = {}
    for name, option in options.items():
        by_path[name] = option.get("default")
        by_path.update(
            {
                f"{name}.{key}": value
                for key, value in defaults(option.get("suboptions") or option.get("options") or {}).items()
            }
        )
    return by_path


def test_what_is_documented_is_what_is_taken():
    documented = yaml.safe_load(container_service.DOCUMENTATION)["options"]
    assert names(documented) == names(container_service.ARGUMENTS)
    assert defaults(documented) == defaults(container_service.ARGUMENTS)


def test_without_an_engine_it_names_the_socket_and_the_role(no_engine):
    result = run({"name": "app", "image": "app:1"}, docker_host=no_engine)
    assert result["failed"]
    assert all(words in result["msg"] for words in (no_engine, "No such file", "mlops.gpu_monitoring.docker_engine"))


def test_without_an_engine_check_mode_tells_what_would_be(no_engine, tmp_path, capfd):
    secret = {"path": str(tmp_path / "secret"), "content": "correct-horse-battery"}
    service = {"name": "fresh", "image": "app:1", "networks": ["monitoring"], "secret_files": [secret]}
    result = run(service, check=True, docker_host=no_engine)
    assert result["changed"]
    assert result["services"][0]["actions"] == [
        "pull image",
        "create network monitoring",
        f"write {tmp_path}/secret",
        "create container",
    ]
    assert result["services"][0]["container"] == {}
    assert "no Docker engine answers" in json.dumps(result) + capfd.readouterr().err
    assert "correct-horse-battery" not in json.dumps(result)
    assert not list(tmp_path.iterdir())


def test_without_an_engine_check_mode_of_a_removal(no_engine):
    assert not run({"name": "app", "state": "absent"}, check=True, docker_host=no_engine)["changed"]


@pytest.mark.parametrize(
    "docker_host", ["tcp://127.0.0.1:2375", "ssh://me@host", "/var/run/docker.sock", "unix://docker.sock"]
)
def test_what_is_no_socket_is_refused_even_in_check_mode(docker_host):
    result = run({"name": "app", "image": "app:1"}, check=True, docker_host=docker_host)
    assert result["failed"]
    fix = "Write it like unix:///var/run/docker.sock."
    assert result["msg"] == f"docker_host: '{docker_host}' is not a Unix socket. {fix}"


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ({"name": "app"}, "image"),
        (
            {"name": "app", "image": "app:1", "reload": {"signal": "HUP", "http": {"port": 1, "path": "/"}}},
            "mutually exclusive",
        ),
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


def test_a_service_that_fails_hides_no_other(no_engine):
    services = [
        {"name": name, "image": "app:1", "memory": memory}
        for name, memory in (("a1", "plenty"), ("a2", "1g"), ("a3", "lots"))
    ]
    result = run(*services, check=True, docker_host=no_engine)
    assert result["failed"]
    assert [(service["name"], service["failed"], service["changed"]) for service in result["services"]] == [
        ("a1", True, False), ("a2", False, True), ("a3", True, False)]  # fmt: skip
    assert all(words in result["msg"] for words in ("a1: memory: 'plenty'", "a3: memory: 'lots'", "did not fail: a2"))
    assert [change["after_header"] for change in result["diff"]] == ["container a2"]
    assert result["changed"]


def test_secrets_of_several_lines_are_nowhere_in_the_result_or_the_log(no_engine, tmp_path, monkeypatch, capfd):
    logged = []
    monkeypatch.setattr(AnsibleModule, "log", lambda self, msg, log_args=None: logged.append((msg, log_args)))
    secret = {"path": str(tmp_path / "key"), "content": "-----BEGIN KEY-----\nplanted-secret\n-----END KEY-----\n"}
    service = {"name": "app", "image": "app:1", "secret_files": [secret]}
    # ansible-core 2.19 always answers with the invocation.
    asking = {"_ansible_inject_invocation": True} if "inject_invocation" in PASS_VARS else {}
    result = run(service, check=True, docker_host=no_engine, **asking)
    assert result["invocation"]["module_args"]["services"][0]["name"] == "app"
    if importlib.util.find_spec("ansible.module_utils.secrets"):
        # ansible-core 2.22 masks the invocation on the controller.
        del result["invocation"]
    shown = json.dumps(result) + str(logged) + "".join(capfd.readouterr())
    assert "Invoked with" in shown
    assert "planted-secret" not in shown


def test_without_an_engine_services_are_removed_as_far_as_they_can_be(no_engine, monkeypatch, capfd):
    monkeypatch.setattr(AnsibleModule, "get_bin_path", lambda *_arguments, **_options: None)
    result = run({"name": "gone", "state": "absent"}, docker_host=no_engine)
    assert not result.get("failed")
    assert "of the services were not removed" in json.dumps(result) + capfd.readouterr().err


def test_an_engine_that_is_stopped_is_not_taken_for_a_missing_one(no_engine, monkeypatch):
    monkeypatch.setattr(AnsibleModule, "get_bin_path", lambda *_arguments, **_options: "/usr/bin/dockerd")
    result = run({"name": "gone", "state": "absent"}, docker_host=no_engine)
    assert result["failed"]
    assert "Nothing was removed" in result["msg"]
