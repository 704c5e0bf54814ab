"""The login in the URL of the engine's proxy is in no output of a run."""

from __future__ import annotations

import json


def test_no_output_shows_the_login_of_the_proxy(playbook):
    """The stand-in of the host answers no `docker_daemon_config`, so the task fails, which shows the most."""
    proxies = {"http-proxy": "", "https-proxy": "", "no-proxy": ""}
    engine = {"reachable": True, "error": "", "version": "28.5.2", "live_restore": True, "containers": []}
    role = {"name": "mlops.gpu_monitoring.docker_engine", "tasks_from": "proxies.yml"}
    wanted = {"docker_engine_https_proxy": "http://me:hunter2@proxy.example:3128", "docker_engine_allow_restart": True}
    # An extra variable stays as it is, whatever the stand-in answers.
    host = json.dumps({"gpu_monitoring_host": {"engine": {**engine, "proxies": proxies}, "json_files": {}}})
    tasks = [{"ansible.builtin.include_role": role, "vars": wanted}]
    code, output = playbook([{"tasks": tasks}], "--limit=gpu1", "-vvvv", "--diff", "-e", host)
    assert code == 2, output
    assert "TASK [mlops.gpu_monitoring.docker_engine : Write the proxies]" in output
    assert "the output has been hidden due to the fact that 'no_log: true' was specified" in output
    assert "hunter2" not in output
