"""The plan of the toolkit is made on the controller: a host that cannot be reached shows where the module would run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[4]
sys.path.insert(0, str(ROOT / "tests" / "unit" / "plugins" / "module_utils" / "toolkit"))

import hosts

from tests import examples

(MODULE,) = examples.run_by(__file__)
# TEST-NET-1 of RFC 5737, which has no host.
UNREACHABLE = {"ansible_host": "192.0.2.1", "ansible_ssh_common_args": "-o ConnectTimeout=1 -o BatchMode=yes"}
OPTIONS = {
    "default_version": "1.20.1",
    "minimum_version": "1.12.0",
    "driver_minimum": "418.81.07",
    "repository_url": hosts.URL,
    "key": "http://mirror/key.asc",
    "key_fingerprint": hosts.FINGERPRINT,
    "name": "{{ inventory_hostname }}",
}
HOOKED = [hosts.container("job", "hook")]
CASES: dict[str, dict[str, Any]] = {
    "settled": {"host": hosts.by_role("1.20.1")},
    "escape": {"host": hosts.installed("1.17.7")},
    "hooked": {"host": hosts.by_role("1.20.0", containers=HOOKED), "version": "1.20.1"},
    "fresh": {"host": hosts.fresh()},
    "snap": {"host": hosts.fresh(root_dir="/var/snap/docker")},
    "no-key": {"host": hosts.by_role("1.20.1"), "key": "none.asc"},
    "binary-key": {"host": hosts.by_role("1.20.1"), "version": "1.20.1", "key": "{{ playbook_dir }}/binary.gpg"},
    "bad-version": {"host": hosts.by_role("1.20.1"), "version": "newest"},
    "bundled": {"host": hosts.by_role("1.20.1"), "bundle": "{{ playbook_dir }}"},
    "not-a-bundle": {"host": hosts.by_role("1.20.0"), "version": "1.20.1", "bundle": "{{ playbook_dir }}"},
    "bundle-alone": {"bundle": "{{ playbook_dir }}"},
    **{
        f"example-{number}": {**example.options, "host": host}
        for number, (example, host) in enumerate(
            zip(examples.of(MODULE), (hosts.by_role("1.20.1"), hosts.fresh()), strict=True)
        )
    },
    "bad-fingerprint": {"host": hosts.by_role("1.20.1"), "key_fingerprint": "DDCAE044F796ECB0"},
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, dict[str, Any]], str]:
    """The module's result on each case's host, and all warnings in one line."""
    folder = tmp_path_factory.mktemp("toolkit")
    inventory = {"all": {"vars": UNREACHABLE, "hosts": {name: {"options": options} for name, options in CASES.items()}}}
    (folder / "binary.gpg").write_bytes(b"\x99\x01\x0d\xff\xfe")
    (folder / "inventory.yml").write_text(yaml.safe_dump(json.loads(json.dumps(inventory))))
    task = {"mlops.gpu_monitoring.nvidia_container_toolkit": "{{ defaults | combine(options) }}"}
    play = {"hosts": "all", "gather_facts": False, "vars": {"defaults": OPTIONS}, "tasks": [task]}
    (folder / "play.yml").write_text(yaml.safe_dump([json.loads(json.dumps(play))]))
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections"),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
        "ANSIBLE_INJECT_FACT_VARS": "false",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_FORCE_COLOR": "0",
    }
    program = str(Path(sys.executable).parent / "ansible-playbook")
    command = [program, "-v", "-i", str(folder / "inventory.yml"), str(folder / "play.yml")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    answers = {}
    for line in done.stdout.splitlines():
        head, _arrow, result = line.partition(" => ")
        if head.startswith(("ok: [", "fatal: [")) and result.startswith("{"):
            answers[head.partition("[")[2].partition("]")[0]] = json.loads(result)
    assert set(answers) == set(CASES), done.stdout + done.stderr
    return answers, " ".join((done.stdout + done.stderr).split())


@pytest.fixture(scope="module")
def results(told: tuple[dict[str, dict[str, Any]], str]) -> dict[str, dict[str, Any]]:
    return told[0]


def test_a_host_that_is_as_wanted_is_not_contacted(results: dict[str, dict[str, Any]]) -> None:
    assert (results["settled"]["changed"], results["settled"]["actions"], results["settled"]["mechanism"]) == (
        False,
        [],
        "runtime",
    )


def test_a_toolkit_that_works_needs_nothing_of_a_bundle(results: dict[str, dict[str, Any]]) -> None:
    assert results["bundled"]["changed"] is False


def test_warnings_need_no_contact_either(told: tuple[dict[str, dict[str, Any]], str]) -> None:
    _results, output = told
    assert (
        "[WARNING]: Containers can escape from the NVIDIA container toolkit 1.17.7 of escape: CVE-2025-23266" in output
    )
    assert "[WARNING]: The packages of the NVIDIA container toolkit on hooked would change" in output
    assert "running containers job," in output


def test_the_module_runs_where_there_is_something_to_do(results: dict[str, dict[str, Any]]) -> None:
    assert results["fresh"]["unreachable"]


def test_a_binary_key_reaches_the_module_which_says_what_to_do(results: dict[str, dict[str, Any]]) -> None:
    assert results["binary-key"]["unreachable"]


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("snap", "from a snap"),
        ("no-key", "none.asc"),
        ("bad-version", "nvidia_container_toolkit_version on bad-version: 'newest' is not a version"),
        ("not-a-bundle", "gpu_monitoring_bundle on not-a-bundle: "),
        ("not-a-bundle", "bundle.json is missing. Make one with the playbook bundle."),
        ("bundle-alone", "gpu_monitoring_bundle on bundle-alone: bundle needs the option host."),
        ("bad-fingerprint", "_key_fingerprint on bad-fingerprint: 'DDCAE044F796ECB0' is not a fingerprint"),
    ],
)
def test_what_a_person_must_fix_is_reported_before_anything_runs(
    results: dict[str, dict[str, Any]], case: str, words: str
) -> None:
    assert words in results[case]["msg"]
    assert "unreachable" not in results[case]


def test_the_examples_plan_nothing_on_hosts_that_are_as_declared(results):
    for number in range(len(examples.of(MODULE))):
        result = results[f"example-{number}"]
        assert (result.get("changed"), result.get("actions")) == (False, []), result
