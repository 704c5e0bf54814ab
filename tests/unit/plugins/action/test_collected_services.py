"""Services that are collected and deployed by one task, in plays that ansible-playbook runs on this machine.

The module runs in check mode and finds no engine. It answers what it would do, which shows what it was given.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
MODULE = "mlops.gpu_monitoring.container_service"
SECRET = "planted-secret-word"
HOST = "localhost"


class Run:
    """A run of ansible-playbook: exit code, output, results of tasks by name, and how many modules ran on the host."""

    def __init__(self, done):
        self.code, self.output = done.returncode, done.stdout + done.stderr
        self.remote = len(re.findall(rf"^<{HOST}> EXEC .*python", done.stdout, re.MULTILINE))
        self.changed = re.search(r"changed=(\d+)", done.stdout.partition("PLAY RECAP")[2])[1]
        self.results = {}
        for task in re.split(r"^TASK \[", done.stdout, flags=re.MULTILINE)[1:]:
            for result in re.finditer(rf"^\w+: \[{HOST}\].* => ", task, re.MULTILINE):
                self.results[task.partition("]")[0]] = json.JSONDecoder().raw_decode(task, result.end())[0]

    def deployed(self, task):
        """Names of the services that a task gave to the module."""
        return [service["name"] for service in self.results[task]["services"]]


@pytest.fixture
def play(tmp_path):
    """Runs plays, each a list of tasks or a whole play; `roles` are the tasks of roles by name."""

    def run(*plays, roles=None, arguments=()):
        temporary = tmp_path / "temporary"
        for role, tasks in (roles or {}).items():
            path = tmp_path / "roles" / role / "tasks" / "main.yml"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(tasks))
        base = {
            "hosts": HOST,
            "connection": "local",
            "gather_facts": False,
            "check_mode": True,
            "vars": {"ansible_python_interpreter": sys.executable},
        }
        playbook = [
            {**base, "name": f"Play {number}", **(given if isinstance(given, dict) else {"tasks": given})}
            for number, given in enumerate(plays, 1)
        ]
        (tmp_path / "play.json").write_text(json.dumps(playbook))
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections"),
            "ANSIBLE_LOCAL_TEMP": str(temporary),
        }
        environment |= {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_PIPELINING": "1"}
        # ansible-core 2.19 and 2.20 always show it.
        environment["ANSIBLE_INJECT_INVOCATION"] = "1"
        command = [
            Path(sys.executable).with_name("ansible-playbook"),
            "-vvv",
            "-i",
            f"{HOST},",
            tmp_path / "play.json",
            *arguments,
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
        assert SECRET not in done.stdout + done.stderr
        assert list(temporary.iterdir()) == [], "the run left something on the controller"
        return Run(done)

    return run


def service(name, **options):
    return {
        "name": name,
        "image": f"{name}:1",
        "secret_files": [{"path": f"/nonexistent/{name}", "content": f"-----BEGIN-----\n{SECRET}\n-----END-----\n"}],
        **options,
    }


def task(name, *services, tags=(), when=True, **options):
    """A task that deploys, or collects with `deferred`."""
    return {
        "name": name,
        MODULE: {"docker_host": "unix:///nonexistent.sock", "services": list(services), **options},
        "tags": list(tags),
        "when": when,
    }


def collect(*names, **options):
    return task(f"Collect {' and '.join(names)}", *map(service, names), deferred=True, **options)


DEPLOY = task("Deploy")


def test_collected_services_are_deployed_once_in_order_by_the_next_task_that_deploys(play):
    run = play([collect("a1"), collect("a2", "a3"), task("Deploy with", service("a4")), task("Deploy again")])
    assert run.code == 0, run.output
    assert run.results["Collect a1"]["collected"] == ["a1"]
    assert run.results["Collect a2 and a3"]["collected"] == ["a1", "a2", "a3"]
    assert run.deployed("Deploy with") == ["a1", "a2", "a3", "a4"]
    assert run.deployed("Deploy again") == []
    assert run.remote == 1
    assert run.changed == "1"
    shown = run.results["Deploy with"]["invocation"]["module_args"]["services"]
    assert [service["name"] for service in shown] == ["a1", "a2", "a3", "a4"]


def test_a_task_with_nothing_to_deploy_runs_nothing_on_the_host(play):
    run = play([collect(), DEPLOY])
    assert (run.code, run.remote, run.changed) == (0, 0, "0"), run.output


def test_a_task_that_defers_nothing_deploys_alone(play):
    run = play([task("Deploy now", service("a1"), deferred="no"), task("Deploy later", service("a2"))])
    assert (run.deployed("Deploy now"), run.deployed("Deploy later"), run.remote) == (["a1"], ["a2"], 2), run.output


@pytest.mark.parametrize(
    ("later", "arguments"),
    [
        ([], ()),
        ([DEPLOY], ("--tags", "a1")),
        pytest.param([task("Deploy", when=False)], (), marks=pytest.mark.long),
        ([task("Deploy", when=[True, "inventory_hostname == 'other'"])], ()),
        pytest.param([task("Deploy", when="not_known_yet")], (), marks=pytest.mark.long),
        ([{"name": "Include", "ansible.builtin.include_tasks": "empty.yml"}], ()),
        ([{"block": [{"name": "Wait", "ansible.builtin.meta": "noop"}], "rescue": [DEPLOY]}], ()),
    ],
    ids=["none", "tags", "false", "condition", "unknown", "include", "rescue"],
)
def test_a_play_that_deploys_nothing_later_is_refused_and_names_the_service(play, later, arguments):
    run = play([task("Deploy before"), collect("a1", tags=["a1"]), *later], arguments=arguments)
    assert run.code == 2
    assert "no later task of the play 'Play 1' deploys a1" in run.output
    assert run.remote == 0


def test_a_later_task_of_the_same_tag_deploys(play):
    assert play(
        [collect("a1", tags=["a1"]), task("Deploy", tags=["a1", "other"])], arguments=("--tags", "a1")
    ).deployed("Deploy") == ["a1"]


def test_what_a_condition_kept_from_being_deployed_is_refused_by_the_next_play(play):
    decide = {"name": "Decide", "ansible.builtin.set_fact": {"deploy_it": False}}
    first = {"vars": {"ansible_python_interpreter": sys.executable, "deploy_it": True}}
    first["tasks"] = [collect("a1"), decide, task("Deploy", when="deploy_it")]
    run = play(first, [collect("a2"), DEPLOY])
    assert run.code == 2
    assert "the play 'Play 1' collected a1 and did not deploy them" in run.output
    assert run.remote == 0


def test_roles_collect_and_a_task_after_them_deploys(play):
    roles = {"first": [collect("a1")], "second": [task("Deploy", service("a2"))], "third": [collect("a3")]}
    run = play({"roles": ["first", "second", "third"], "tasks": [task("Deploy the rest")]}, roles=roles)
    assert run.deployed("second : Deploy") == ["a1", "a2"], run.output
    assert run.deployed("Deploy the rest") == ["a3"]


@pytest.mark.parametrize(
    "how", ["ansible.builtin.include_role", pytest.param("ansible.builtin.import_role", marks=pytest.mark.long)]
)
def test_included_roles_collect_and_an_always_section_deploys(play, how):
    roles = {"first": [collect("a1")], "failing": [{"name": "Fail", "ansible.builtin.fail": {}}]}
    tasks = [{"block": [{"name": "Take a role", how: {"name": role}} for role in roles], "always": [DEPLOY]}]
    run = play(tasks, roles=roles)
    assert run.code == 2
    assert run.deployed("Deploy") == ["a1"], run.output


def test_a_rescue_section_collects_and_deploys(play):
    failing = {"name": "Fail", "ansible.builtin.fail": {}}
    assert play([{"block": [failing], "rescue": [collect("a1"), DEPLOY]}]).deployed("Deploy") == ["a1"]


def test_an_included_role_that_nothing_deploys_after_is_refused(play):
    run = play(
        [{"name": "Take a role", "ansible.builtin.include_role": {"name": "first"}}], roles={"first": [collect("a1")]}
    )
    assert run.code == 2
    assert "deploys a1" in run.output


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([collect("a1"), collect("a1"), DEPLOY], "a1 is given twice"),
        ([collect("a1"), task("Deploy", docker_host="unix:///other.sock")], "docker_host on localhost: this differs"),
        ([{"name": "Deploy", MODULE: {"services": {"name": "a1"}}}], "services: this is not a list"),
        ([{"name": "Deploy", MODULE: {"services": [{"image": "a1"}]}}], "that each have a name"),
    ],
    ids=["twice", "options", "dictionary", "name"],
)
def test_what_cannot_be_one_deployment_is_refused(play, tasks, words):
    run = play(tasks)
    assert (run.code, run.remote) == (2, 0)
    assert words in run.output


@pytest.mark.parametrize("own", [[], [service("a2")]], ids=["none", "own"])
def test_another_attempt_deploys_the_same_services(play, own):
    refused = {**task("Deploy", *own, docker_host="not-a-socket"), "retries": 1, "delay": 0}
    collecting = task("Collect", service("a1"), deferred=True, docker_host="not-a-socket")
    run = play([collecting, refused])
    assert (run.code, run.remote) == (2, 2), run.output
    assert "given twice" not in run.output
    assert "'not-a-socket' is not a Unix socket" in run.results["Deploy"]["msg"]


def test_values_that_are_templates_are_those_of_the_collecting_task(play):
    labels = {
        "number": "{{ item_number }}",
        "list": "{{ [item_number, 'b'] | join('-') }}",
        "date": "{{ '2026-01-31' | to_datetime('%Y-%m-%d') }}",
    }
    collecting = {**task("Collect", service("a1", env=labels), deferred=True), "vars": {"item_number": 7}}
    run = play([collecting, DEPLOY], arguments=("--diff",))
    assert "number: 7" in run.output
    assert "list: 7-b" in run.output
    assert "date: 2026-01-31T00:00:00" in run.output


def test_warnings_are_shown_when_services_are_collected_and_when_they_are_deployed(play):
    done = play([collect("one", warnings=["The first."]), task("Deploy", warnings=["The second."])])
    assert done.code == 0, done.output
    assert "[WARNING]: The first." in done.output and "[WARNING]: The second." in done.output
    assert not done.results["Deploy"]["invocation"]["module_args"].get("warnings")


def test_warnings_that_are_no_list_are_refused(play):
    done = play([task("Deploy", service("one"), warnings="The first.")])
    assert done.code == 2 and "warnings: this is not a list of sentences." in done.output
