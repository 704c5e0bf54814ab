"""A second run changes nothing, in check mode too, on the oldest and the newest ansible-core."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.callback import remote_executions
from tests.stack import ROOT, Run

# How often an unchanged run may execute something on a host.
MOST_EXECUTIONS = {"gpu1": 3, "gpu2": 3, "monitor1": 4}
# The next version needs Python 3.13.
NEXT = [pytest.mark.long, pytest.mark.skipif(sys.version_info < (3, 13), reason="ansible-core 2.22 needs Python 3.13")]
CORES = ["2.19.14", pytest.param("2.22.0rc1", marks=NEXT)]


def assert_nothing_changed(run: Run) -> None:
    assert run.code == 0, run.output
    assert {name: (counts["changed"], counts["failed"]) for name, counts in run.recap.items()} == dict.fromkeys(
        ("monitor1", "gpu1", "gpu2"), (0, 0)
    ), run.output


def test_check_and_diff_report_nothing(site):
    run = site("--check", "--diff")
    assert_nothing_changed(run)
    assert "--- before" not in run.output


@pytest.mark.parametrize("version", CORES)
def test_other_versions_of_ansible_core(site, started, tmp_path, version):
    environment = ROOT / ".cache" / f"ansible-core-{version}"
    if not (environment / "bin" / "ansible-playbook").exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([environment / "bin" / "pip", "install", "--quiet", f"ansible-core=={version}"], check=True)
    before, counted = started(), tmp_path / "executions"
    run = site(python=str(environment / "bin" / "python"), environment=remote_executions.environment(counted))
    assert_nothing_changed(run)
    assert "[DEPRECATION WARNING]" not in run.output
    assert started() == before
    executions = remote_executions.executions(counted)
    assert set(executions) == set(MOST_EXECUTIONS)
    for name, modules in executions.items():
        assert len(modules) <= MOST_EXECUTIONS[name], f"{name}: {remote_executions.summary(modules)}"
