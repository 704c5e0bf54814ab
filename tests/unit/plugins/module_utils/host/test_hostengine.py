"""DCGM's host engine among the processes of a host."""

from __future__ import annotations

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import hostengine


def test_the_command_line_of_a_host_engine(tmp_path):
    for process, command in {
        "7": ["nv-hostengine", "-n", "--service-account", "nvidia-dcgm"],
        "8": ["dcgmi", "dmon"],
    }.items():
        (tmp_path / process).mkdir()
        (tmp_path / process / "comm").write_text(f"{command[0]}\n")
        (tmp_path / process / "cmdline").write_text("\0".join(["/usr/bin/" + command[0], *command[1:], ""]))
    (tmp_path / "9").mkdir()
    (tmp_path / "self").mkdir()
    assert hostengine.command_line(tmp_path) == "/usr/bin/nv-hostengine -n --service-account nvidia-dcgm"
    (tmp_path / "7" / "comm").unlink()
    assert hostengine.command_line(tmp_path) == ""
