"""What package managers are asked, and what their answers mean, with stand-ins for the programs."""

from __future__ import annotations

from typing import Optional

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import Answer
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit import package_manager
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.errors import ToolkitError

FRONTEND = """\
E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 812 (unattended-upgr)
E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?
"""
LISTS = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 812 (apt-get)\n"
DPKG = "dpkg: error: dpkg frontend lock was locked by another process with pid 812\n"


class Programs:
    """Programs that give these answers, one after another."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.asked: list[list[str]] = []
        self.given = ""

    def path(self, program: str) -> Optional[str]:
        return program

    def run(self, arguments: list[str], environment: Optional[dict[str, str]] = None, given: str = "") -> Answer:
        self.asked.append(arguments)
        self.given += given
        return self._answers.pop(0) if self._answers else Answer(0, "", "")

    def run_within(self, seconds: float, arguments: list[str]) -> Answer:
        return self.run(arguments)


@pytest.mark.parametrize("errors", [FRONTEND, LISTS, DPKG])
def test_locks_of_another_process_are_waited_for(monkeypatch, errors):
    monkeypatch.setattr(package_manager, "LOCK_PAUSE_SECONDS", 0)
    programs = Programs(Answer(100, "", errors), Answer(100, "", errors))
    manager = package_manager.of("apt", programs, "")
    package_manager.when_free(lambda: manager.hold(["nvidia-container-toolkit"], True))
    assert programs.asked == [["dpkg", "--set-selections"]] * 3


def test_another_error_is_not_waited_for():
    programs = Programs(Answer(100, "", "E: Unable to locate package\n"))
    manager = package_manager.of("apt", programs, "")
    with pytest.raises(ToolkitError, match="E: Unable to locate package"):
        package_manager.when_free(lambda: manager.install(["nvidia-container-toolkit=9-1"]))
    assert len(programs.asked) == 1


def test_apt_itself_waits_for_no_lock():
    """It would wait between the list of the containers and the change of packages."""
    programs = Programs()
    package_manager.of("apt", programs, "").install(["nvidia-container-toolkit=1.20.1-1"])
    (arguments,) = programs.asked
    assert "--option=DPkg::Lock::Timeout=0" in arguments


def test_apt_reads_this_repository_alone():
    programs = Programs()
    package_manager.of("apt", programs, "/own.sources").download(["nvidia-container-toolkit=1.20.1-1"])
    update, fetch = programs.asked
    assert "--option=Dir::Etc::SourceList=/own.sources" in update
    assert "--option=Dir::Etc::SourceParts=/dev/null" in update
    assert {"install", "--download-only", "--allow-downgrades", "--allow-change-held-packages"} <= set(fetch)


@pytest.mark.parametrize(("hold", "given"), [(True, "a hold\nb hold\n"), (False, "a install\nb install\n")])
def test_dpkg_holds_packages(hold, given):
    programs = Programs()
    package_manager.of("apt", programs, "").hold(["a", "b"], hold)
    assert programs.given == given


@pytest.mark.parametrize("manager", ["dnf", "dnf5"])
def test_dnf_uses_this_repository_alone(manager):
    programs = Programs()
    package_manager.of(manager, programs, "").install(["nvidia-container-toolkit-1.20.1-1"])
    (arguments,) = programs.asked
    assert {"--disablerepo=*", "--enablerepo=nvidia-container-toolkit-pinned"} <= set(arguments)
    assert ("--allow-downgrade" in arguments) == (manager == "dnf5")
