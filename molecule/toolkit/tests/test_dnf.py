"""The NVIDIA container toolkit on a host whose package manager is dnf: refused, up, held, down and out again, from
signed repositories.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from bundles import FOLDER, make_bundle, network_cut
from toolkit import (
    HOST,
    OLDER,
    PACKAGES,
    PRESENT,
    RoleOnSpare,
    assert_done,
    assert_refused,
    start_job,
)
from toolkit import packages as versions

from tests.lab import hosts, images, services, shell
from tests.stack import LAB_NAME, on

pytestmark = pytest.mark.long
# A repository of the site that has the packages in a newer version, as CUDA's.
CUDA = r"[cuda]\nname=cuda\nbaseurl=http://apt.lab/rpm/cuda/\$basearch\ngpgcheck=0\n"
# Adds the four packages in a newer version to the repository in /srv/failing, and signs its metadata by a new key.
FAILING = r"""
set -e
for name in libnvidia-container1 libnvidia-container-tools nvidia-container-toolkit-base nvidia-container-toolkit; do
    {
        printf 'Name: %s\nVersion: 99.0.0\nRelease: 1\nSummary: failing\nLicense: none\n' "$name"
        printf '%%description\nfailing\n'
        [ "$name" != nvidia-container-toolkit-base ] || printf '%%pre\necho this host does not do >&2\nexit 1\n'
        echo %files
    } >/root/spec
    rpmbuild -bb --quiet --target x86_64 --define "_topdir /root/rpm" --define "_rpmdir /srv/failing" \
        --define 'debug_package %{nil}' /root/spec
done
rm -rf /srv/failing/repodata
createrepo_c --quiet --general-compress-type=gz /srv/failing
export GNUPGHOME=$(mktemp -d)
gpg --batch --quiet --passphrase '' --quick-generate-key 'mlops.gpu_monitoring test lab' rsa3072 sign never
gpg --batch --quiet --armor --detach-sign /srv/failing/repodata/repomd.xml
gpg --batch --quiet --with-colons --fingerprint | awk -F : '/^fpr/ {print $10}' >/srv/failing/fingerprint
gpg --batch --quiet --armor --export >/srv/failing/key.asc
gpgconf --kill all
"""


def on_host(command: str) -> str:
    return on(HOST, command)


def packages() -> dict[str, str]:
    return versions(HOST, "rpm")


def state() -> str:
    """All that the role could change for dnf on the host, as text."""
    return on_host(
        "rpm --query --all | sort; find /etc/yum.repos.d /etc/pki /etc/dnf -type f -exec sha256sum {} + -exec stat"
        " --format '%A %U %G %n' {} +;find /var/cache/dnf -name 'nvidia*'"
    )


@pytest.fixture(scope="module")
def repositories() -> Path:
    """The folder of the dnf repositories, which the lab's web server gives as http://apt.lab/rpm/."""
    image = images.build(
        "host_rpm",
        {
            "LAB_HOST": shell.run(
                "docker", "inspect", "--format", "{{.Config.Image}}", hosts.container(LAB_NAME, "gpu1")
            )
        },
    )
    folder = images.rpm_repositories(image, images.apt_repository())
    services.publish(folder, "rpm")
    hosts.start(LAB_NAME, HOST, image, images.emulated_driver())
    return Path(folder)


@pytest.fixture(scope="module")
def role(repositories, tmp_path_factory):
    """Runs the role on a host with dnf, a GPU, a job, and another repository that has newer packages. The host is
    removed afterwards.
    """
    on_host(f"printf '{CUDA}' >/etc/yum.repos.d/cuda.repo")
    start_job(HOST, "job")
    url = "http://apt.lab/rpm/nvidia/$basearch"
    yield RoleOnSpare(
        tmp_path_factory.mktemp("dnf"), **signed_by("nvidia", repositories), nvidia_container_toolkit_repository_url=url
    )
    hosts.remove(LAB_NAME, HOST)


@pytest.fixture
def bare(role):
    """The host without a toolkit."""
    if packages():
        assert_done(role(nvidia_container_toolkit_state="absent"))


@pytest.fixture
def older(role):
    """The host with the older version."""
    if packages() != dict.fromkeys(PACKAGES, OLDER):
        assert_done(role(nvidia_container_toolkit_version=OLDER))


def signed_by(repository: str, repositories: Path) -> dict[str, str]:
    """The variables that trust the key of a repository."""
    return {
        "nvidia_container_toolkit_key": f"http://apt.lab/rpm/{repository}/key.asc",
        "nvidia_container_toolkit_key_fingerprint": (repositories / repository / "fingerprint").read_text().strip(),
    }


def test_a_dry_run_on_a_fresh_host_changes_nothing(role, bare):
    before = state()
    run = role("--check", "--diff")
    assert_done(run, changed=True)
    assert "Would install" in run.output
    assert state() == before


def test_metadata_signed_by_another_key_leaves_nothing(role, bare, repositories):
    assert_refused(
        role(**signed_by("cuda", repositories)), "nvidia_container_toolkit_repository_url", "Bad GPG signature"
    )
    assert packages() == {}
    assert on_host("ls /etc/yum.repos.d") == "cuda.repo"


def test_a_package_that_is_not_the_signed_one_leaves_nothing(role, bare):
    run = role(nvidia_container_toolkit_repository_url="http://apt.lab/rpm/tampered/$basearch")
    assert_refused(run, "nvidia_container_toolkit_repository_url", "tampered", "libnvidia-container1")
    assert packages() == {}
    assert on_host("ls /etc/yum.repos.d") == "cuda.repo"


def test_the_older_version_is_installed_whatever_other_repositories_there_are(role, bare):
    """NVIDIA's guide left a repository that cannot be reached, and dnf could not do anything with all."""
    on_host(
        r"printf '[libnvidia-container]\nbaseurl=http://apt.lab/none/\n' >/etc/yum.repos.d/libnvidia-container.repo"
    )
    assert_done(role(nvidia_container_toolkit_version=OLDER), changed=True)
    assert packages() == dict.fromkeys(PACKAGES, OLDER)
    assert on_host("ls /etc/yum.repos.d").split() == [
        "cuda.repo",
        "libnvidia-container.repo",
        "nvidia-container-toolkit.repo",
    ]
    on_host("rm /etc/yum.repos.d/libnvidia-container.repo")


@pytest.mark.parametrize(
    "command", ["upgrade", "distro-sync", "upgrade nvidia-container-toolkit", "install nvidia-container-toolkit"]
)
def test_dnf_leaves_the_version_although_two_repositories_have_newer_ones(role, older, command):
    on_host(f"dnf --assumeyes --refresh {command}")
    assert packages() == dict.fromkeys(PACKAGES, OLDER)


def test_a_rerun_asks_no_repository(role, older):
    on_host("cp /etc/hosts /root/hosts && echo '127.0.0.1 apt.lab' >>/etc/hosts && rm -rf /var/cache/dnf/*")
    try:
        assert_done(role(nvidia_container_toolkit_version=OLDER), changed=False)
        assert_done(role("--check", "--diff", nvidia_container_toolkit_version=OLDER), changed=False)
    finally:
        on_host("cat /root/hosts >/etc/hosts")


def test_another_version_up_and_down(role, older):
    assert_done(role(nvidia_container_toolkit_version=PRESENT), changed=True)
    assert packages() == dict.fromkeys(PACKAGES, PRESENT)
    on_host("dnf --assumeyes upgrade")
    assert packages() == dict.fromkeys(PACKAGES, PRESENT)
    assert_done(role(nvidia_container_toolkit_version=OLDER), changed=True)
    assert packages() == dict.fromkeys(PACKAGES, OLDER)


def test_a_missing_version_leaves_the_installed_packages(role, older):
    before = on_host("rpm --query --all | sort; cat /etc/yum.repos.d/*")
    assert_refused(
        role(nvidia_container_toolkit_version="9.9.9"),
        "nvidia_container_toolkit_version",
        "nvidia-container-toolkit-9.9.9-1",
    )
    assert on_host("rpm --query --all | sort; cat /etc/yum.repos.d/*") == before


def test_a_key_that_does_not_do_leaves_the_former_one_and_is_no_longer_trusted(role, older, repositories):
    files = "cat /etc/pki/rpm-gpg/* /etc/yum.repos.d/*; find /var/cache/dnf -name 'nvidia*'"
    on_host("rm -rf /var/cache/dnf/*")
    before = on_host(files)
    assert_refused(
        role(nvidia_container_toolkit_version=PRESENT, **signed_by("cuda", repositories)), "Bad GPG signature"
    )
    assert packages() == dict.fromkeys(PACKAGES, OLDER)
    assert on_host(files) == before
    assert_done(role(nvidia_container_toolkit_version=PRESENT), changed=True)


@pytest.fixture(scope="module")
def failing(role, repositories) -> dict[str, str]:
    """The variables of a repository on the host that has a newer version too, whose package with the programs cannot be
    installed.
    """
    shell.run("docker", "cp", f"{repositories}/nvidia/x86_64", f"{hosts.container(LAB_NAME, HOST)}:/srv/failing")
    on_host(FAILING)
    return {
        "nvidia_container_toolkit_version": "99.0.0",
        "nvidia_container_toolkit_repository_url": "file:///srv/failing",
        "nvidia_container_toolkit_key": on_host("cat /srv/failing/key.asc"),
        "nvidia_container_toolkit_key_fingerprint": on_host("cat /srv/failing/fingerprint").strip(),
    }


def test_a_first_installation_that_fails_leaves_no_package(role, bare, failing):
    assert_refused(role(**failing), "nvidia-container-toolkit-base", "The host has the same packages as before: none")
    assert packages() == {}
    assert on_host("ls /etc/yum.repos.d") == "cuda.repo"


def test_an_upgrade_that_fails_leaves_the_previous_packages(role, older, failing):
    before = on_host("rpm --query --all | sort; cat /etc/yum.repos.d/*")
    assert_refused(role(**failing), f"The host has the same packages as before: libnvidia-container-tools={OLDER}")
    assert on_host("rpm --query --all | sort; cat /etc/yum.repos.d/*") == before


def test_packages_of_bundles_on_a_host_that_reaches_nothing_else(role, bare, failing, tmp_path):
    """The bundles are of one repository, and the second has the newer version alone, whose installation fails."""
    shell.run("docker", "cp", f"{hosts.container(LAB_NAME, HOST)}:/srv/failing", str(tmp_path))
    key, fingerprint = failing["nvidia_container_toolkit_key"], failing["nvidia_container_toolkit_key_fingerprint"]
    bundles = {}
    for version in (PRESENT, "99.0.0"):
        (tmp_path / version).mkdir()
        repository = str(tmp_path / "failing")
        bundles[version] = make_bundle(tmp_path / version, "rpm", repository, (version,), key, fingerprint)
    files = f"cat /etc/yum.repos.d/*; find {FOLDER} -type f -exec sha256sum {{}} +"
    given = {"nvidia_container_toolkit_key_fingerprint": fingerprint, "nvidia_container_toolkit_verify_image": ""}
    with network_cut(HOST):
        assert_done(role(**given, gpu_monitoring_bundle=bundles[PRESENT]), changed=True)
        assert packages() == dict.fromkeys(PACKAGES, PRESENT)
        assert_done(role(**given, gpu_monitoring_bundle=bundles[PRESENT]), changed=False)
        before = on_host(files)
        newer = {"gpu_monitoring_bundle": bundles["99.0.0"], "nvidia_container_toolkit_version": "99.0.0"}
        same = f"The host has the same packages as before: libnvidia-container-tools={PRESENT}"
        assert_refused(role(**given, **newer), "gpu_monitoring_bundle", same)
        assert on_host(files) == before
        assert_done(role(**given, nvidia_container_toolkit_state="absent"), changed=True)
        assert packages() == {}
        assert on_host(f"ls -d {FOLDER} 2>/dev/null || true") == ""


def test_removal_takes_out_what_the_role_put_in_and_only_that(role, older):
    others = on_host("rpm --query --all | grep -v nvidia | sort; cat /etc/yum.repos.d/cuda.repo")
    assert_done(role("--check", "--diff", nvidia_container_toolkit_state="absent"), changed=True)
    assert len(packages()) == 4
    assert_done(role(nvidia_container_toolkit_state="absent"), changed=True)
    assert on_host("rpm --query --all | sort; cat /etc/yum.repos.d/*") == others
    assert "nvidia" not in state()
    again = role(nvidia_container_toolkit_state="absent")
    assert_done(again, changed=False)
    assert "The role did not install the NVIDIA container toolkit" in again.output
