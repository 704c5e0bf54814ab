"""The toolkit's packages, from what dpkg-query and rpm print."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import packages

DPKG = """\
installed nvidia-container-toolkit 1.20.1-1 hold
installed libnvidia-container1 1:1.20.1~rc.1-1 install
config-files nvidia-container-toolkit-base 1.18.0-1 deinstall
"""


def test_only_installed_packages_count():
    assert packages.parse(DPKG) == [
        {"name": "libnvidia-container1", "version": "1:1.20.1~rc.1", "held": False},
        {"name": "nvidia-container-toolkit", "version": "1.20.1", "held": True},
    ]


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
