"""What a host needs of the toolkit's packages in a bundle, and whether the host has room."""

from __future__ import annotations

import tarfile

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import contents
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import bundled_toolkit

from tests.fake_repository import Vendor


@pytest.fixture
def bundle(tmp_path):
    """A bundle with packages for apt on amd64."""
    path = str(tmp_path / "bundle")
    entry = {"distribution": "apt", "version": "1.20.1", "architecture": "amd64", "files": []}
    contents.update(path, "0.1.0", packages=[entry])
    (tmp_path / "bundle" / "packages" / "apt" / "amd64").mkdir(parents=True)
    return path


def test_another_kind_or_architecture_is_named(bundle):
    bundled_toolkit.check(bundle, "apt")
    with pytest.raises(
        BundleError, match=r"has no rpm packages of the NVIDIA container toolkit\. Make the bundle with rpm"
    ):
        bundled_toolkit.check(bundle, "rpm")
    with pytest.raises(BundleError, match=r"has no apt packages .* for arm64\. .* platform linux/arm64\."):
        bundled_toolkit.files(bundle, "apt", "aarch64", "1.20.1")


def test_a_bundle_without_a_kind_has_no_key_of_it(bundle):
    assert bundled_toolkit.key(bundle, "rpm") == ""


@pytest.mark.parametrize(
    "content", [b"a secret of the controller", b"/etc/shadow", b"http://r.example.com/key", b"\xff"]
)
def test_what_is_no_key_is_neither_used_nor_shown(tmp_path, content):
    key = tmp_path / "packages" / "apt" / "key.asc"
    key.parent.mkdir(parents=True)
    key.write_bytes(content)
    with pytest.raises(BundleError) as caught:
        bundled_toolkit.key(str(tmp_path), "apt")
    assert str(caught.value) == f"{key} is not an armoured key. Make the bundle again, or copy it again."


def test_dnf_gets_the_packages_that_the_host_has_too_and_apt_does_not(tmp_path):
    vendor = Vendor(tmp_path / "gnupg")
    vendor.rpm(tmp_path / "x86_64", "1.20.0", "1.20.1")
    (tmp_path / "key.asc").write_text(vendor.key)
    present = [{"name": "a", "version": "1.20.0", "held": False, "state": "installed"}]
    former = bundled_toolkit.former_files(str(tmp_path / "x86_64"), "rpm", present)
    assert sum(path.endswith("-1.20.0-1.x86_64.rpm") for path in former) == 4
    assert bundled_toolkit.former_files(str(tmp_path / "x86_64"), "apt", present) == []
    for versions in ([], ["1.19.0"], ["1.20.0", "1.20.1"]):
        packages = [{**present[0], "version": version} for version in versions]
        assert bundled_toolkit.former_files(str(tmp_path / "x86_64"), "rpm", packages) == []


def test_room_for_the_copies_and_a_reserve():
    enough = (4 * 10 + 256) << 20
    assert bundled_toolkit.room_problem({"/var": enough}, 10 << 20) == ""
    assert bundled_toolkit.room_problem({"/var": enough - 1, "/": enough}, 10 << 20) == (
        "/var has 295 MiB free, and 296 MiB are needed, of which 256 MiB stay free. Free room there."
    )


def test_an_archive_has_the_files_by_their_paths(tmp_path):
    (tmp_path / "repodata").mkdir()
    (tmp_path / "repodata" / "primary").write_text("lists")
    (tmp_path / "other").write_text("left out")
    bundled_toolkit.pack(str(tmp_path), ["repodata/primary"], str(tmp_path / "archive"))
    with tarfile.open(tmp_path / "archive") as archive:
        assert archive.getnames() == ["repodata/primary"]
