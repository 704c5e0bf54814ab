"""The toolkit from a bundle, on a host that reaches nothing but the controller.

The vendor's list of packages has expired since the bundle was made.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bundles import FOLDER, make_bundle, network_cut
from toolkit import HOST, LISTS, OLDER, PACKAGES, PRESENT, assert_done, assert_refused, packages

from tests.lab import images
from tests.stack import on

EXPIRED = "Thu, 02 Jan 2020 00:00:00 UTC"
OWN_LIST = f"{LISTS}/nvidia-container-toolkit.sources"


class Vendor:
    """A vendor's package repositories, signed by an RSA key as NVIDIA's are, whose lists have expired."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._gnupg = {**os.environ, "GNUPGHOME": str(folder / "gnupg")}
        (folder / "gnupg").mkdir(mode=0o700)
        self.gpg("--passphrase", "", "--quick-generate-key", "vendor", "rsa3072", "sign", "never")
        (folder / "key.asc").write_text(self.gpg("--armor", "--export"))
        listed = self.gpg("--with-colons", "--fingerprint")
        self.fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))

    def gpg(self, *arguments: str) -> str:
        return subprocess.run(
            ["gpg", "--batch", "--quiet", *arguments], env=self._gnupg, check=True, capture_output=True, text=True
        ).stdout

    def publish(self, name: str, repository: str) -> Path:
        """A copy of a repository of the lab, with this vendor's signature."""
        folder = self.folder / name
        shutil.copytree(
            repository, folder, ignore=shutil.ignore_patterns("InRelease", "wrong-key", "tampered", "key.asc")
        )
        release = folder / "Release"
        release.write_text(f"Valid-Until: {EXPIRED}\n{release.read_text()}")
        self.gpg("--clearsign", "--output", str(folder / "InRelease"), str(release))
        return folder


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Vendor:
    vendor = Vendor(tmp_path_factory.mktemp("vendor"))
    vendor.publish("good", images.apt_repository())
    vendor.publish("failing", str(images.failing_repository()))
    return vendor


@pytest.fixture(scope="module")
def bundle_of(vendor: Vendor, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Makes a bundle with versions of a repository of the vendor, and gives its path."""

    def make(name: str, *versions: str) -> str:
        repository = str(vendor.folder / name)
        return make_bundle(
            tmp_path_factory.mktemp("bundle"),
            "apt",
            repository,
            versions,
            f"{vendor.folder}/key.asc",
            vendor.fingerprint,
        )

    return make


@pytest.fixture(scope="module")
def bundle(bundle_of: Callable[..., str]) -> str:
    return bundle_of("good", OLDER, PRESENT)


@pytest.fixture
def role(spare: Any, bare: None, vendor: Vendor, bundle: str) -> Iterator[Callable[..., Any]]:
    """Runs the role with the bundle on a host without a toolkit, which reaches nothing but the controller."""
    given = {
        "gpu_monitoring_bundle": bundle,
        "nvidia_container_toolkit_key_fingerprint": vendor.fingerprint,
        "nvidia_container_toolkit_verify_image": "",
    }
    with network_cut(HOST):
        yield lambda *arguments, **more: spare(*arguments, **{**given, **more})


def state() -> str:
    """The toolkit's packages, the repositories with their keys, and the folder of the bundle's packages."""
    return on(
        HOST,
        "dpkg-query --show --showformat '${db:Status-Abbrev} ${Package} ${Version}\\n' | grep nvidia | grep -v ^rc;"
        f"find /etc/apt /usr/share/keyrings {FOLDER} -type f -exec sha256sum {{}} + 2>/dev/null || true",
    )


def test_the_packages_come_from_the_bundle_and_go_again(role):
    before = state()
    assert_done(role("--check", "--diff"), changed=True)
    assert state() == before
    assert_done(role(), changed=True)
    assert packages(HOST) == dict.fromkeys(PACKAGES, PRESENT)
    assert_done(role(), changed=False)
    # The host's own runs of apt read the folder too, as the user of apt's sandbox.
    only_this = "-o Dir::Etc::SourceParts=/dev/null -o APT::Update::Error-Mode=any -o Dir::Etc::SourceList"
    assert "file:" in on(HOST, f"apt-get update {only_this}={OWN_LIST}")
    on(
        HOST,
        f"sed /Valid-Until/d {OWN_LIST} >/root/strict.sources;"
        f"apt-get update {only_this}=/root/strict.sources 2>&1 | grep expired",
    )
    assert_done(role(nvidia_container_toolkit_state="absent"), changed=True)
    assert packages(HOST) == {}
    assert state() == before
    assert on(HOST, f"ls -d {FOLDER} 2>/dev/null || true") == ""


@pytest.mark.long
def test_an_upgrade_that_fails_leaves_the_former_packages_and_their_repository(role, bundle_of):
    assert_done(role(nvidia_container_toolkit_version=OLDER), changed=True)
    before = state()
    run = role(nvidia_container_toolkit_version="99.0.0", gpu_monitoring_bundle=bundle_of("failing", "99.0.0"))
    assert_refused(
        run,
        "gpu_monitoring_bundle",
        "post-installation script",
        f"The host has the same packages as before: libnvidia-container-tools={OLDER}",
    )
    assert state() == before
    assert_done(role(), changed=True)
    assert packages(HOST) == dict.fromkeys(PACKAGES, PRESENT)
    assert on(HOST, f"ls {FOLDER}") == PRESENT


@pytest.mark.long
def test_a_bundle_that_is_not_the_vendors_or_lacks_the_version_changes_nothing(role, bundle, vendor, tmp_path):
    before = state()
    run = role(nvidia_container_toolkit_version="1.20.9")
    assert_refused(run, "gpu_monitoring_bundle on", "1.20.9-1", f"{PRESENT}-1", "Make the bundle again")

    damaged = shutil.copytree(bundle, tmp_path / "damaged")
    package = next(damaged.glob(f"packages/apt/amd64/libnvidia-container1_{PRESENT}*.deb"))
    package.write_bytes(package.read_bytes().replace(b"\0", b"\1"))
    assert_refused(role(gpu_monitoring_bundle=str(damaged)), package.name, "is not the file of the signed list")

    forged = Vendor(tmp_path)
    shutil.copytree(bundle, tmp_path / "forged")
    release = forged.publish("other", images.apt_repository()) / "InRelease"
    shutil.copy(release, tmp_path / "forged" / "packages" / "apt" / "amd64")
    assert_refused(
        role(gpu_monitoring_bundle=str(tmp_path / "forged")), "gpu_monitoring_bundle on", "it is signed by the key"
    )
    assert packages(HOST) == {}
    assert state() == before


@pytest.mark.long
def test_a_host_without_room_gets_no_file(role):
    on(HOST, "mount -t tmpfs -o size=10m tmpfs /var/cache")
    try:
        before = state()
        assert_refused(role(), "gpu_monitoring_bundle on", "/var/cache has", "MiB free", "Nothing was changed")
        assert state() == before
    finally:
        on(HOST, "umount /var/cache")
