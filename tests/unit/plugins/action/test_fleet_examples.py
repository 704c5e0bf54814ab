"""The EXAMPLES of the modules that run once for all hosts, in a play for hosts that do not exist."""

from __future__ import annotations

import re

from tests import examples

# The first module registers what the others read.
MODULES = sorted(examples.run_by(__file__), key=lambda module: module != "monitoring_fleet")


def test_the_examples_run_in_one_play(playbook, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    # The stand-in for a host takes no files.
    tasks = [task for module in MODULES for task in examples.read(module) if "ansible.builtin.copy" not in task]
    variables = {"gpu_monitoring_address": "{{ ansible_host }}", "tls_enabled": True}
    code, output = playbook([{"vars": variables, "tasks": tasks}])
    assert code == 0, output
    ran = re.findall(r"^TASK \[(.*)\] \*+\n(?:.*\n)?(?:ok|changed): ", output, re.MULTILINE)
    assert ran == [task["name"] for task in tasks], output
    print(output)
    certificates = tmp_path / ".config" / "gpu_monitoring" / "ca" / "hosts"
    assert {path.name for path in certificates.glob("*.crt")} == {"gpu1.crt", "gpu2.crt"}
