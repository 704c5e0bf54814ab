"""The NVIDIA container toolkit on a host whose package manager is dnf: refused, up, held, down and out again, from signed repositories."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import INVENTORY, ROOT, run_playbook

sys.path.insert(0, str(ROOT))

from tests.lab import hosts, images, services, shell  # noqa: E402

HOST = hosts.GPU_SPARE
NAME = hosts.container("molecule", HOST)
PACKAGES = ["libnvidia-container-tools", "libnvidia-container1", "nvidia-container-toolkit", "nvidia-container-toolkit-base"]
OLDER = (ROOT / "tests" / "lab" / "toolkit" / "older-version.txt").read_text().strip()
PRESENT = (ROOT / "tests" / "lab" / "toolkit" / "version.txt").read_text().strip()
# A repository of the site that has the packages in a newer version, as CUDA's.
CUDA = r"[cuda]\nname=cuda\nbaseurl=http://apt.lab/rpm/cuda/\$basearch\ngpgcheck=0\n"


def on_host(command: str) -> str:
    return shell.run("docker", "exec", NAME, "bash", "-c", command)


def packages() -> dict[str, str]:
    """Version of each of the four packages that is there."""
    lines = on_host(f"rpm --query --queryformat '%{{NAME}} %{{VERSION}}\\n' {' '.join(PACKAGES)} || true").splitlines()
    return dict(line.split() for line in lines if "not installed" not in line)


def state() -> str:
    """All that the role could change for dnf on the host, as text."""
    return on_host("rpm --query --all | sort; find /etc/yum.repos.d /etc/pki /etc/dnf -type f -exec sha256sum {} +; find /var/cache/dnf -name 'nvidia*'")


@pytest.fixture(scope="module")
def repositories() -> Path:
    """The folder of the dnf repositories, which the lab's web server gives as http://apt.lab/rpm/."""
    image = images.build("host_rpm", {"LAB_HOST": shell.run("docker", "inspect", "--format", "{{.Config.Image}}", hosts.container("molecule", "gpu1"))})
    folder = images.rpm_repositories(image, images.apt_repository())
    services.publish(folder, "rpm")
    hosts.start("molecule", HOST, image, images.emulated_driver())
    return Path(folder)


@pytest.fixture(scope="module")
def role(repositories, tmp_path_factory):
    """Runs the role on a host with dnf, a GPU, and a repository besides that has newer packages. The host is removed afterwards."""
    on_host(f"printf '{CUDA}' >/etc/yum.repos.d/cuda.repo")
    path = tmp_path_factory.mktemp("dnf")
    inventory, playbook = path / "inventory.yml", path / "playbook.yml"
    variables = {**yaml.safe_load(INVENTORY.read_text())["all"]["vars"], **signed_by("nvidia", repositories)}
    variables["nvidia_container_toolkit_repository_url"] = "http://apt.lab/rpm/nvidia/$basearch"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {HOST: {"ansible_host": hosts.address("molecule", HOST)}}, "vars": variables}}))
    playbook.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "roles": ["mlops.gpu_monitoring.nvidia_container_toolkit"]}]))
    yield lambda *arguments, **given: run_playbook(playbook, *arguments, inventory=inventory, variables=given)
    hosts.remove("molecule", HOST)


def signed_by(repository: str, repositories: Path) -> dict[str, str]:
    """The variables that trust the key of a repository."""
    return {
        "nvidia_container_toolkit_key": f"http://apt.lab/rpm/{repository}/key.asc",
        "nvidia_container_toolkit_key_fingerprint": (repositories / repository / "fingerprint").read_text().strip(),
    }


def assert_done(run: Any, changed: bool) -> None:
    assert run.code == 0, run.output
    assert bool(run.recap[HOST]["changed"]) == changed, run.output


def assert_refused(run: Any, *words: str) -> None:
    assert run.code != 0, run.output
    assert "Traceback" not in run.output
    for word in words:
        assert word in run.error, run.output


def test_a_dry_run_on_a_fresh_host_changes_nothing(role):
    before = state()
    run = role("--check", "--diff")
    assert_done(run, changed=True)
    assert "Would install" in run.output
    assert state() == before


def test_metadata_signed_by_another_key_leaves_nothing(role, repositories):
    assert_refused(role(**signed_by("cuda", repositories)), "nvidia_container_toolkit_repository_url", "Bad GPG signature")
    assert packages() == {}
    assert on_host("ls /etc/yum.repos.d") == "cuda.repo"


def test_a_package_that_is_not_the_signed_one_leaves_nothing(role):
    run = role(nvidia_container_toolkit_repository_url="http://apt.lab/rpm/tampered/$basearch")
    assert_refused(run, "nvidia_container_toolkit_repository_url", "tampered", "libnvidia-container1")
    assert packages() == {}
    assert on_host("ls /etc/yum.repos.d") == "cuda.repo"


def test_the_older_version_is_installed_in_the_place_of_nvidias_repository_files(role):
    guide = r"[libnvidia-container]\nbaseurl=https://nvidia.github.io/libnvidia-container/centos8/\$basearch\n"
    on_host(f"printf '{guide}' >/etc/yum.repos.d/libnvidia-container.repo")
    assert_done(role(nvidia_container_toolkit_version=OLDER), changed=True)
    assert packages() == dict.fromkeys(PACKAGES, OLDER)
    assert on_host("ls /etc/yum.repos.d").split() == ["cuda.repo", "nvidia-container-toolkit.repo"]


@pytest.mark.parametrize("command", ["upgrade", "distro-sync", "upgrade nvidia-container-toolkit", "install nvidia-container-toolkit"])
def test_dnf_leaves_the_version_although_two_repositories_have_newer_ones(role, command):
    on_host(f"dnf --assumeyes --refresh {command}")
    assert packages() == dict.fromkeys(PACKAGES, OLDER)


def test_a_rerun_asks_no_repository(role):
    on_host("cp /etc/hosts /root/hosts && echo '127.0.0.1 apt.lab' >>/etc/hosts && rm -rf /var/cache/dnf/*")
    try:
        assert_done(role(nvidia_container_toolkit_version=OLDER), changed=False)
        assert_done(role("--check", "--diff", nvidia_container_toolkit_version=OLDER), changed=False)
    finally:
        on_host("cat /root/hosts >/etc/hosts")


def test_another_version_up_and_down(role):
    assert_done(role(nvidia_container_toolkit_version=PRESENT), changed=True)
    assert packages() == dict.fromkeys(PACKAGES, PRESENT)
    on_host("dnf --assumeyes upgrade")
    assert packages() == dict.fromkeys(PACKAGES, PRESENT)
    assert_done(role(nvidia_container_toolkit_version=OLDER), changed=True)
    assert packages() == dict.fromkeys(PACKAGES, OLDER)


def test_a_version_that_is_not_there_leaves_what_is(role):
    before = on_host("rpm --query --all | sort; cat /etc/yum.repos.d/*")
    assert_refused(role(nvidia_container_toolkit_version="9.9.9"), "nvidia_container_toolkit_version", "No package nvidia-container-toolkit-9.9.9-1 available")
    assert on_host("rpm --query --all | sort; cat /etc/yum.repos.d/*") == before


def test_a_key_that_was_replaced_is_not_trusted_any_more(role, repositories):
    assert_refused(role(nvidia_container_toolkit_version=PRESENT, **signed_by("cuda", repositories)), "Bad GPG signature")
    assert packages() == dict.fromkeys(PACKAGES, OLDER)
    assert_done(role(nvidia_container_toolkit_version=PRESENT), changed=True)


def test_removal_takes_out_what_the_role_put_in_and_only_that(role):
    others = on_host("rpm --query --all | grep -v nvidia | sort; cat /etc/yum.repos.d/cuda.repo")
    assert_done(role("--check", "--diff", nvidia_container_toolkit_state="absent"), changed=True)
    assert len(packages()) == 4
    assert_done(role(nvidia_container_toolkit_state="absent"), changed=True)
    assert on_host("rpm --query --all | sort; cat /etc/yum.repos.d/*") == others
    assert "nvidia" not in state()
    assert_done(role(nvidia_container_toolkit_state="absent"), changed=False)
