"""The toolkit's packages, from what dpkg-query and rpm print."""

from __future__ import annotations

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
