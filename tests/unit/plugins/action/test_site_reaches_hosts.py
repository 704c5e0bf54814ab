"""How the playbook site ends if hosts cannot be reached, or a part of the deployment fails."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
import yaml
from ansible.template import Templar, trust_as_template

from tests.unit.plugins.action.unreachable_host import UNREACHABLE

NEW = ("--extra-vars", "tls_new_secrets=true")
PLAYBOOKS = Path(__file__).resolve().parents[4] / "playbooks"
PROMETHEUS = PLAYBOOKS.with_name("roles") / "prometheus"
SITE, VERIFY, REMOVE = (PLAYBOOKS / f"{name}.yml" for name in ("site", "verify", "remove"))
GPU1, GPU2 = ({**UNREACHABLE, "gpu_monitoring_address": f"10.0.0.{number}"} for number in (1, 2))
MONITOR1 = {**UNREACHABLE, "gpu_monitoring_address": "10.0.0.9"}


def recap(output: str) -> dict[str, dict[str, int]]:
    lines = re.findall(r"^(\S+)\s+: (ok=.*)$", output.partition("PLAY RECAP")[2], re.MULTILINE)
    return {host: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", counts)} for host, counts in lines}


@pytest.mark.parametrize(
    "arguments", [[], pytest.param(["--forks=1"], marks=pytest.mark.long)], ids=["parallel", "one by one"]
)
def test_an_unreachable_host_is_tried_once_and_named_and_the_others_are_deployed(playbook, arguments):
    code, output = playbook(SITE, *arguments, variables={"gpu2": GPU2})
    assert code == 4, output
    assert output.count("UNREACHABLE!") == 1
    assert recap(output)["gpu2"]["unreachable"] == 1
    assert "gpu2: Nothing was deployed: " in output and "Connection refused" in output
    for host, task in {
        "gpu1": "Deploy the collected services",
        "monitor1": "Declare datasources, folders and dashboards",
    }.items():
        assert re.search(rf"^TASK \[.*{task}\] \*+\n(?:.*\n)?(ok|changed): \[{host}\]", output, re.MULTILINE), output


def test_prometheus_and_grafana_are_deployed_where_no_gpu_host_answers(playbook):
    code, output = playbook(SITE, variables={"gpu1": GPU1, "gpu2": GPU2})
    assert code == 4, output
    assert "gpu1, gpu2: Nothing was deployed: " in output
    assert "Grafana: https://10.0.0.9:3000, user admin\n" in output
    assert "TASK [mlops.gpu_monitoring.grafana : Declare datasources, folders and dashboards]" in output
    assert recap(output)["monitor1"]["failed"] == 0


@pytest.mark.parametrize(
    ("targets", "presence"),
    [(None, {}), ([{"targets": [], "labels": {"host": "gpu1"}}], {"gpu1": False})],
    ids=["first run", "later run"],
)
def test_the_targets_of_an_earlier_run_are_read_where_they_exist(playbook, tmp_path, targets, presence):
    if targets is not None:
        (tmp_path / "targets").mkdir()
        (tmp_path / "targets" / "nvidia-gpu.json").write_text(json.dumps(targets))
    tasks = [
        {"mlops.gpu_monitoring.monitoring_fleet": {}, "register": "gpu_monitoring_fleet"},
        {"ansible.builtin.include_vars": str(PROMETHEUS / "vars" / "main.yml")},
        {"ansible.builtin.import_tasks": str(PROMETHEUS / "tasks" / "previous_targets.yml")},
        {"ansible.builtin.debug": {"msg": "presence: {{ prometheus_gpu_presence | to_json }}"}},
    ]
    # The module reads the files of this machine.
    monitor1 = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "prometheus_config_dir": str(tmp_path),
    }
    code, output = playbook([{"hosts": "monitoring", "tasks": tasks}], variables={"monitor1": monitor1})
    assert code == 0, output
    assert "skipping: [monitor1]" not in output
    assert json.dumps(f"presence: {json.dumps(presence)}") in output


def test_a_first_run_for_one_host_needs_no_answer_of_the_monitoring_host(playbook):
    code, output = playbook(SITE, "--limit=gpu1", variables={"monitor1": MONITOR1})
    assert code == 0, output
    assert re.search(r"^TASK \[Deploy the collected services\] \*+\nok: \[gpu1\]", output, re.MULTILINE), output


def test_a_failure_on_every_gpu_host_keeps_nothing_else_from_being_deployed(playbook):
    # The first play can evaluate the value, and the role cannot.
    late = "{{ '/var/lib/docker' if gpu_monitoring_host is not defined else gpu_monitoring_host.no_such_key }}"
    code, output = playbook(SITE, *NEW, variables={host: {"cadvisor_docker_root": late} for host in ("gpu1", "gpu2")})
    assert code == 2, output
    assert recap(output)["monitor1"]["failed"] == 0
    assert "TASK [mlops.gpu_monitoring.grafana : Declare datasources, folders and dashboards]" in output
    assert [recap(output)[host]["failed"] for host in ("gpu1", "gpu2")] == [1, 1]
    assert "gpu1, gpu2: Deploy cAdvisor and its proxy: " in output


def test_a_toolkit_that_is_refused_leaves_the_host_its_exporters(playbook):
    code, output = playbook(SITE, *NEW, variables={"gpu1": {"nvidia_container_toolkit_driver_minimum": "999.0"}})
    assert code == 2, output
    assert "gpu1: Install, configure or remove the toolkit: The NVIDIA driver of gpu1 is" in output
    assert recap(output)["gpu1"]["failed"] == 1
    for task in (
        "Deploy the node exporter",
        "Deploy cAdvisor and its proxy",
        "Deploy the DCGM exporter",
        "Deploy the collected services",
    ):
        assert re.search(rf"^TASK \[.*{task}\] \*+\n(?:.*\n)?(ok|changed): \[gpu1\]", output, re.MULTILINE), output


def test_a_removal_continues_past_an_unreachable_host_and_names_it(playbook):
    code, output = playbook(REMOVE, "--skip-tags=nvidia_container_toolkit", variables={"gpu2": GPU2})
    assert code == 4, output
    assert "Not everything was removed from gpu2:" in output
    # The first host reports for all.
    for host in ("gpu1", "monitor1"):
        assert (recap(output)[host]["ok"], recap(output)[host]["failed"]) == (3 if host == "gpu1" else 1, 0)


@pytest.mark.parametrize(
    ("playbook_file", "arguments", "message"),
    [
        (SITE, ["--tags=promtheus"], "--tags promtheus: the tags select nothing."),
        (SITE, ["--limit=switch1"], "--limit: the run has no host of the groups gpu_hosts and monitoring."),
        (VERIFY, ["--limit=gpu1"], "nothing would be compared. Add monitor1 to --limit, like --limit 'gpu1,monitor1'."),
        (VERIFY, ["--tags=grafana"], "--tags grafana: the tags select nothing."),
    ],
)
def test_a_run_that_would_do_nothing_says_so(playbook, playbook_file, arguments, message):
    code, output = playbook(playbook_file, *arguments)
    assert code == 2, output
    assert message in " ".join(output.split())
    assert output.count("PLAY [") == 1


@pytest.mark.parametrize(
    "task", [pytest.param("*Deploy cAdvisor and its proxy", marks=pytest.mark.long), "*Make certificates and passwords"]
)
def test_a_run_that_begins_past_the_checks_says_so(playbook, task):
    code, output = playbook(SITE, f"--start-at-task={task}")
    assert code == 2, output
    assert "The run began after the tasks that check the variables and inspect the hosts." in output
    assert "is undefined" not in output and "indices" not in output


def test_a_limited_run_says_which_monitoring_hosts_cannot_be_asked(playbook, hanging_ssh):
    hangs = {"ansible_connection": "ssh", "ansible_ssh_executable": str(hanging_ssh)}
    monitor2 = {**hangs, "gpu_monitoring_address": "10.0.0.8", "gpu_monitoring_inspect_timeout": "1s"}
    variables = {"monitor1": MONITOR1, "monitor2": monitor2}
    code, output = playbook(SITE, *NEW, "--limit=gpu1", variables=variables, monitoring=2)
    assert code == 0, output
    reasons = {"monitor1": "Task failed: ", "monitor2": "Task failed: Timed out after 1 second"}
    for host, reason in reasons.items():
        assert f"{host} could not be asked whether its Prometheus knows gpu1: {reason}" in output, output


def test_the_engine_is_not_restarted_for_proxies_under_containers_that_started_after_the_first_look(playbook):
    proxies = {"http-proxy": "", "https-proxy": "", "no-proxy": ""}
    first_look = {
        "engine": {"reachable": True, "version": "28.5.2", "live_restore": False, "containers": [], "proxies": proxies},
        "json_files": {},
    }
    role = {"name": "mlops.gpu_monitoring.docker_engine", "tasks_from": "proxies.yml"}
    wanted = {"docker_engine_https_proxy": "http://proxy.example:3128", "docker_engine_allow_restart": True}
    tasks = [
        {"ansible.builtin.set_fact": {"gpu_monitoring_host": first_look}},
        {"ansible.builtin.include_role": role, "vars": wanted},
    ]
    code, output = playbook([{"tasks": tasks}], "--limit=gpu1")
    assert code == 2, output
    assert (
        "which would stop the running containers cadvisor, cadvisor-proxy, dcgm-exporter, node-exporter."
        in " ".join(output.split())
    )
    assert "TASK [mlops.gpu_monitoring.docker_engine : Write the proxies]" not in output


@pytest.mark.parametrize(
    ("engine", "variables", "problem"),
    [
        (
            {"installed": False},
            {"docker_engine_install": True},
            "docker_engine_allow_restart is false. Set it to true.",
        ),
        ({"installed": False}, {"docker_engine_install": True, "docker_engine_allow_restart": True}, ""),
        ({"installed": True}, {"docker_engine_install": True}, ""),
        ({"installed": False}, {}, ""),
    ],
    ids=["new engine", "new engine with a restart", "stopped engine", "no engine"],
)
def test_proxies_that_a_new_engine_cannot_take_are_refused_before_it_is_installed(playbook, engine, variables, problem):
    state = {"reachable": False, "version": "", "live_restore": False, "containers": [], "proxies": {}, **engine}
    role = {"name": "mlops.gpu_monitoring.docker_engine", "tasks_from": "validate.yml", "public": True}
    tasks = [
        {"ansible.builtin.set_fact": {"gpu_monitoring_host": {"engine": state}}},
        {"ansible.builtin.include_role": role},
        {"ansible.builtin.debug": {"msg": "<{{ __docker_engine_proxy_problem }}>"}},
    ]
    code, output = playbook(
        [{"tasks": tasks, "vars": {"docker_engine_https_proxy": "http://proxy.example:3128", **variables}}],
        "--limit=gpu1",
    )
    assert code == 0, output
    assert f"{problem}>" in output and (problem or "<>" in output)


def test_replicas_do_not_restart_at_the_same_time():
    [play] = [play for play in yaml.safe_load(SITE.read_text()) if play["name"].startswith("Deploy Alertmanager")]
    [services] = [task for task in play["tasks"] if "block" in task]
    [collected] = services["block"]
    deploy = [*collected["always"], *yaml.safe_load((PROMETHEUS.with_name("grafana") / "tasks/deploy.yml").read_text())]
    throttles = [task.get("throttle") for task in deploy if "mlops.gpu_monitoring.container_service" in task]
    assert len(throttles) == 2
    for throttle in throttles:
        values = [
            Templar(loader=None, variables={"gpu_monitoring_topology": topology}).template(trust_as_template(throttle))
            for topology in ("replicas", "shards")
        ]
        assert values == [1, 0]
