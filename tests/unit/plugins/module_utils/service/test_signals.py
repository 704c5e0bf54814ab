"""Signals that do not mark a container as stopped by a person."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import signals

ID = "5a13303178e5" * 5 + "5a13"


@pytest.fixture
def process():
    """A process that ends with 7 when it gets SIGHUP."""
    program = (
        "import signal, sys\nsignal.signal(signal.SIGHUP, lambda *_: sys.exit(7))\nprint(flush=True)\nsignal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as started:
        started.stdout.readline()
        yield started
        started.kill()


def proc(folder, pid, cgroup):
    """A stand-in for /proc, as no container runs here."""
    (folder / str(pid)).mkdir()
    (folder / str(pid) / "cgroup").write_text(cgroup)
    return str(folder)


@pytest.mark.parametrize("name", ["HUP", "SIGHUP", "hup"])
@pytest.mark.parametrize(
    "cgroup", [f"4:memory:/docker/{ID}\n1:name=systemd:/docker/{ID}\n", f"0::/system.slice/docker-{ID}.scope\n"]
)
def test_the_first_process_gets_the_signal(process, tmp_path, name, cgroup):
    container = {"Id": ID, "State": {"Pid": process.pid}}
    assert signals.send(container, name, proc(tmp_path, process.pid, cgroup))
    assert process.wait(10) == 7


def test_a_process_that_is_not_of_the_container_gets_none(process, tmp_path):
    container = {"Id": ID, "State": {"Pid": process.pid}}
    assert not signals.send(container, "HUP", proc(tmp_path, process.pid, "0::/user.slice\n"))
    assert process.poll() is None


@pytest.mark.parametrize(("pid", "name"), [(0, "HUP"), (None, "HUP"), (7, "HUP"), (8, "NO SUCH SIGNAL")])
def test_without_a_process_or_signal_the_engine_is_asked(tmp_path, pid, name):
    proc(tmp_path, 8, f"0::/docker/{ID}\n")
    assert not signals.send({"Id": ID, "State": {"Pid": pid}}, name, str(tmp_path))
