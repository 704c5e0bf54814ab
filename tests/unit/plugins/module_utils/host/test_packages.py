"""The toolkit's packages, from what dpkg-query and rpm print."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import packages

DPKG = """\
installed\tnvidia-container-toolkit\t1.20.1-1\thold
triggers-pending\tlibnvidia-container1\t1:1.20.1~rc.1-1\tinstall
config-files\tnvidia-container-toolkit-base\t1.18.0-1\tdeinstall
half-installed\tlibnvidia-container-tools\t\tinstall
"""


def test_removed_packages_do_not_count_and_incomplete_packages_do():
    parsed = packages.parse(DPKG)
    assert parsed == [
        {"name": "libnvidia-container-tools", "version": "", "held": False, "state": "half-installed"},
        {"name": "libnvidia-container1", "version": "1:1.20.1~rc.1", "held": False, "state": "installed"},
        {"name": "nvidia-container-toolkit", "version": "1.20.1", "held": True, "state": "installed"},
    ]
    assert packages.incomplete(parsed) == parsed[:1]
    assert (
        packages.describe(parsed[:2])
        == "libnvidia-container-tools (half-installed), libnvidia-container1=1:1.20.1~rc.1"
    )


def test_what_rpm_does_not_know_does_not_count():
    assert packages.parse("package libnvidia-container1 is not installed\n") == []


class Programs:
    """A host that has these programs, of which none is run."""

    def __init__(self, folder, names):
        self._paths = {name: str(folder / name) for name in names}

    def path(self, program):
        return self._paths.get(program)


@pytest.mark.parametrize(
    ("names", "red_hat", "manager"),
    [
        (["apt-get", "dpkg-query"], False, "apt"),
        (["apt-get", "dpkg-query", "dnf", "rpm"], False, "apt"),
        (["apt-get", "dpkg-query", "dnf", "rpm"], True, "dnf"),
        (["dnf", "rpm"], True, "dnf"),
        (["dnf", "rpm", "dpkg-query"], False, "dnf"),
        (["dnf5", "rpm"], True, "dnf5"),
        (["zypper", "rpm"], False, ""),
        ([], False, ""),
    ],
)
def test_the_package_manager_is_that_of_the_distribution(tmp_path, monkeypatch, names, red_hat, manager):
    monkeypatch.setattr(packages, "RED_HAT_RELEASE", str(tmp_path) if red_hat else str(tmp_path / "none"))
    assert packages.package_manager(Programs(tmp_path, names)) == manager
