"""The toolkit if apt is not well, and after installations that fail: only its own packages are touched, and the
former ones come back.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from toolkit import HOST, LISTS, OLDER, PACKAGES, PRESENT, assert_done, assert_refused, packages

from tests.lab import hosts, images, services, shell
from tests.stack import LAB_NAME, on

FOREIGN_PYTHON = "/opt/python/bin/python3"
# Holds the lock of apt's lists until somebody has asked for it.
HOLD_LOCK = """
import fcntl, subprocess, time
lock = open("/var/lib/apt/lists/lock", "w")
fcntl.lockf(lock, fcntl.LOCK_EX)
open("/root/locked", "w").close()
while subprocess.run(["pgrep", "--exact", "apt-get"], stdout=subprocess.DEVNULL).returncode != 0:
    time.sleep(0.05)
time.sleep(3)
open("/root/waited", "w").close()
"""
CONTRADICTION = "deb [signed-by=/etc/%s.gpg] http://apt.lab/other stable main"


@pytest.fixture
def broken_driver(spare):
    """A package of somebody else that dpkg left halfway; whoever finishes it leaves a line."""
    on(
        HOST,
        "mkdir -p /root/driver/DEBIAN && cd /root/driver/DEBIAN"
        r" && printf 'Package: driver\nVersion: 1\nArchitecture: all\n' >control"
        r" && printf 'Maintainer: lab <lab@localhost>\nDescription: driver\n' >>control"
        r" && printf '#!/bin/sh\necho finished >>/root/driver-log\nexit 1\n' >postinst && chmod 755 postinst"
        " && dpkg-deb --build /root/driver /root/driver.deb && ! dpkg --install /root/driver.deb",
    )
    yield lambda: on(HOST, "cat /root/driver-log; dpkg-query --show --showformat '${db:Status-Status}' driver")
    on(HOST, "dpkg --purge driver; rm -rf /root/driver /root/driver.deb /root/driver-log")


@pytest.fixture
def failing() -> dict[str, str]:
    """The variables of a repository whose packages fail in their last step."""
    folder = Path(images.failing_repository())
    services.publish(str(folder), "failing")
    return {
        "nvidia_container_toolkit_version": "99.0.0",
        "nvidia_container_toolkit_repository_url": "http://apt.lab/failing",
        "nvidia_container_toolkit_key": "http://apt.lab/failing/key.asc",
        "nvidia_container_toolkit_key_fingerprint": (folder / "fingerprint").read_text().strip(),
    }


def dpkg_state() -> str:
    """The toolkit's packages with their states and selections, its files, and the repositories."""
    return on(
        HOST,
        "dpkg-query --show --showformat '${db:Status-Abbrev} ${Package} ${Version}\\n' | grep nvidia;find"
        " /usr/bin/nvidia-* /usr/lib/systemd/system/nvidia-* /etc/apt /etc/nvidia-container-toolkit -type f"
        " -exec sha256sum {} + 2>/dev/null",
    )


def test_the_toolkit_comes_whatever_ails_apt_and_the_python_of_the_host(spare, bare, broken_driver):
    """Entries of the toolkit's repository contradict each other, and entries of somebody else do. Another repository
    does not exist, a file of preferences is damaged, a driver is halfway, and another process has the lock.
    """
    toolkit_lists = [f"{LISTS}/guide.list", f"{LISTS}/nvidia-docker.list"]
    for path in toolkit_lists:
        on(HOST, f"echo 'deb [signed-by=/etc/{Path(path).stem}.gpg] http://apt.lab/nvidia /' >{path}")
    on(
        HOST,
        f"printf '{CONTRADICTION % 'a'}\\ndeb http://apt.lab/none /\\n' >{LISTS}/a.list;"
        f" echo '{CONTRADICTION % 'b'}' >{LISTS}/b.list",
    )
    on(
        HOST,
        "rm -f /root/waited; python3 -m venv --without-pip /opt/python; echo nonsense >/etc/apt/preferences.d/site",
    )
    on(HOST, f"nohup /usr/bin/python3 -c '{HOLD_LOCK}' >/dev/null 2>&1 & until [ -e /root/locked ]; do sleep 0.1; done")
    driver = broken_driver()
    try:
        run = spare(ansible_python_interpreter=FOREIGN_PYTHON)
        assert_done(run, changed=True)
        assert packages(HOST) == dict.fromkeys(PACKAGES, PRESENT)
        warning = " ".join(run.output.partition("[WARNING]")[2].split())
        assert "Conflicting values set for option Signed-By regarding source http://apt.lab/other" in warning
        assert f"{LISTS}/a.list, line 1; {LISTS}/b.list, line 1" in warning
        assert on(HOST, "ls /root/waited") == "/root/waited"
        assert on(HOST, f"ls {LISTS}/*.disabled").split() == [f"{path}.disabled" for path in toolkit_lists]
        assert broken_driver() == driver
        assert_done(
            spare(ansible_python_interpreter=FOREIGN_PYTHON, nvidia_container_toolkit_state="absent"), changed=True
        )
        assert packages(HOST) == {}
        assert broken_driver() == driver
        on(HOST, f"ls {' '.join(toolkit_lists)}")
    finally:
        on(HOST, f"rm -rf {LISTS}/*.list /opt/python /etc/apt/preferences.d/site /root/locked /root/waited")


def test_a_first_installation_that_fails_leaves_no_package(spare, bare, failing):
    before = on(HOST, "find /etc/apt /usr/share/keyrings -type f | sort")
    run = spare(**failing)
    assert_refused(
        run,
        "nvidia-ctk: this host does not do",
        "post-installation script",
        "The host has the same packages as before: none",
    )
    assert packages(HOST) == {}
    assert on(HOST, "dpkg --audit") == ""
    assert on(HOST, "find /etc/apt /usr/share/keyrings -type f | sort") == before


def test_an_upgrade_that_fails_leaves_the_former_packages_without_any_repository_that_has_them(spare, bare, failing):
    """The repository has the new version only."""
    assert_done(spare(nvidia_container_toolkit_version=OLDER))
    before = dpkg_state()
    run = spare(**failing)
    assert_refused(
        run, "post-installation script", f"The host has the same packages as before: libnvidia-container-tools={OLDER}"
    )
    assert dpkg_state() == before
    assert on(HOST, "dpkg --audit") == ""
    assert set(on(HOST, "apt-mark showhold").split()) == set(PACKAGES)
    assert_done(spare(nvidia_container_toolkit_version=OLDER), changed=False)


@pytest.mark.long
def test_incomplete_packages_are_finished_by_name_or_removed(spare, broken_driver):
    """As a host that lost its power leaves them. The host has no network: the repository is a folder."""
    driver = broken_driver()
    repository = Path(images.apt_repository())
    shell.run("docker", "cp", str(repository), f"{hosts.container(LAB_NAME, HOST)}:/srv/nvidia")
    no_network = {
        "nvidia_container_toolkit_repository_url": "file:///srv/nvidia",
        "nvidia_container_toolkit_key": str(repository / "key.asc"),
    }
    assert_done(spare(**no_network), changed=True)
    halfway = (
        "cd /root && apt-get download nvidia-container-toolkit-base nvidia-container-toolkit"
        " && dpkg --unpack nvidia-*.deb"
    )
    on(HOST, halfway)
    assert_done(spare(**no_network), changed=True)
    assert packages(HOST) == dict.fromkeys(PACKAGES, PRESENT)
    on(HOST, halfway)
    assert_done(spare(nvidia_container_toolkit_state="absent"), changed=True)
    assert (
        on(
            HOST,
            "dpkg-query --show --showformat '${db:Status-Status} ${Package}\\n' | grep nvidia |"
            " grep -v ^config-files || true",
        )
        == ""
    )
    assert broken_driver() == driver
    on(HOST, "rm -r /root/*.deb /srv/nvidia")
