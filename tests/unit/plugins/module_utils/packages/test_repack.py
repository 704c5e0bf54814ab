"""The control file of a package that is made again from an installed one, from what dpkg-query prints."""

from __future__ import annotations

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages.repack import configuration_files, control

STATUS = """\
Package: nvidia-container-toolkit-base
Status: hold ok installed
Priority: optional
Version: 1.20.0-1
Config-Version: 1.19.0-1
Depends: libc6
Conffiles:
 /etc/nvidia-container-toolkit/nvidia-cdi-refresh.env d41d8cd98f00b204e9800998ecf8427e
 /etc/nvidia-container-toolkit/old.env d41d8cd98f00b204e9800998ecf8427e obsolete
Description: NVIDIA container toolkit base
 It holds the programs.

""".splitlines()


def test_what_dpkg_added_is_left_out():
    assert control(STATUS) == [
        "Package: nvidia-container-toolkit-base",
        "Priority: optional",
        "Version: 1.20.0-1",
        "Depends: libc6",
        "Description: NVIDIA container toolkit base",
        " It holds the programs.",
    ]


def test_configuration_files_stay_configuration_files():
    assert configuration_files(STATUS) == ["/etc/nvidia-container-toolkit/nvidia-cdi-refresh.env"]
