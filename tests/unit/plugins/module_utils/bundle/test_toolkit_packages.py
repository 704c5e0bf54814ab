"""A vendor's repositories come into a bundle as they are signed, with the packages that are asked for and no other."""

from __future__ import annotations

import shutil

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import toolkit_packages
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.repository_server import RepositoryServer
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.toolkit_packages import Source, files_of

from tests.fake_repository import Vendor

ARCHITECTURES = {"apt": "amd64", "rpm": "x86_64"}
PLACEHOLDERS = {"apt": "$(ARCH)", "rpm": "$basearch"}
PACKAGES = {"apt": "nvidia-container-toolkit_1.20.1-1_amd64.deb", "rpm": "nvidia-container-toolkit-1.20.1-1.x86_64.rpm"}


class Bundle:
    """A bundle of one kind of packages."""

    def __init__(self, kind, site, key, folder):
        self.kind, self.architecture = kind, ARCHITECTURES[kind]
        self.path = str(folder)
        self.repository = folder / toolkit_packages.FOLDERS[kind] / self.architecture
        self._site, self._key = site, key

    def download(self, *versions):
        source = Source(self.kind, f"{self._site.url}/{PLACEHOLDERS[self.kind]}", self._key, f"{self.kind}_url")

        def server(option, url):
            return RepositoryServer(option, url, None, pause=lambda _seconds: None)

        return toolkit_packages.download(self.path, source, self.architecture, versions, server)

    def fetched(self):
        """The packages that were asked for since the last call."""
        names = [path.rpartition("/")[2] for path, _range in self._site.said if path.endswith((".deb", ".rpm"))]
        self._site.said.clear()
        return names


@pytest.fixture(params=["apt", "rpm"])
def bundle(request, site, vendor, tmp_path):
    """A bundle, and a server whose repository has two versions."""
    publish(vendor, request.param, site, "1.20.0", "1.20.1")
    return Bundle(request.param, site, vendor.key, tmp_path / "bundle")


def publish(vendor, kind, site, *versions):
    folder = site.folder / ARCHITECTURES[kind]
    shutil.rmtree(folder, ignore_errors=True)
    (vendor.apt if kind == "apt" else vendor.rpm)(folder, *versions)


def test_a_version_comes_with_the_signed_lists_and_once(bundle, site):
    done = bundle.download("1.20.1")
    assert done.changed and not done.warnings
    assert len(bundle.fetched()) == 4
    (entry,) = done.entries
    assert (entry["distribution"], entry["version"], entry["architecture"]) == (
        bundle.kind,
        "1.20.1",
        bundle.architecture,
    )
    names = {name.rpartition("/")[2] for name in entry["files"]}
    assert PACKAGES[bundle.kind] in names and "key.asc" in names
    assert all((bundle.repository.parents[2] / name).is_file() for name in entry["files"])
    for path in bundle.repository.rglob("*"):
        if path.is_file():
            published = site.folder / bundle.architecture / path.relative_to(bundle.repository)
            assert path.read_bytes() == published.read_bytes()
    again = bundle.download("1.20.1")
    assert (again.changed, again.entries) == (False, done.entries)
    assert bundle.fetched() == []


def test_what_is_no_longer_asked_for_goes(bundle, site, vendor):
    bundle.download("1.20.0", "1.20.1")
    before = {path.name for path in bundle.repository.rglob("*") if path.is_file()}
    publish(vendor, bundle.kind, site, "1.20.1", "1.20.2")
    assert bundle.download("1.20.1").changed
    after = {path.name for path in bundle.repository.rglob("*") if path.is_file()}
    assert [name for name in after if "1.20.0" in name or "1.20.2" in name] == []
    assert len(after) == len(before) - 4
    assert sorted(files_of(str(bundle.repository), bundle.kind, "1.20.1")) == sorted(
        str(path.relative_to(bundle.repository)) for path in bundle.repository.rglob("*") if path.is_file()
    )


def test_a_missing_version_is_named_with_the_existing_versions(bundle):
    with pytest.raises(
        BundleError, match=rf"{bundle.kind}_url: http://.*it has no libnvidia.* 1.9.0-1, but 1.20.0-1, 1.20.1-1\. Check"
    ):
        bundle.download("1.9.0")


def test_a_package_that_is_not_the_listed_one_is_not_kept(bundle, site):
    (site.folder / bundle.architecture / PACKAGES[bundle.kind]).write_text("another")
    with pytest.raises(
        BundleError, match=f"{PACKAGES[bundle.kind]}.* is not the file of the signed list: sha256 .*Run again"
    ):
        bundle.download("1.20.1")
    assert [path.name for path in bundle.repository.rglob("*") if path.name.startswith(PACKAGES[bundle.kind])] == []


def test_a_list_that_is_not_the_signed_one_is_refused(bundle, site):
    folder = site.folder / bundle.architecture
    path = folder / "Packages" if bundle.kind == "apt" else next(folder.glob("repodata/*primary*"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        BundleError, match=r"is not the file of the signed list.*If the repository has just changed, run again\."
    ):
        bundle.download("1.20.1")
    assert not bundle.repository.exists()


def test_a_repository_of_another_key_is_refused(bundle, site, tmp_path):
    other = Vendor(tmp_path / "other")
    publish(other, bundle.kind, site, "1.20.1")
    with pytest.raises(
        BundleError, match=f"is not that of the key's owner: it is signed by the key {other.fingerprint}"
    ):
        bundle.download("1.20.1")
    assert not bundle.repository.exists()


def test_a_kind_of_key_that_is_not_checked_here_is_a_warning(site, tmp_path):
    elliptic = Vendor(tmp_path / "elliptic", "ed25519")
    publish(elliptic, "apt", site, "1.20.1")
    done = Bundle("apt", site, elliptic.key, tmp_path / "bundle").download("1.20.1")
    assert len(done.entries) == 1
    assert "The hosts check the signature" in done.warnings[0]


def test_a_bundle_that_was_damaged_names_the_file(bundle):
    bundle.download("1.20.1")
    path = bundle.repository / PACKAGES[bundle.kind]
    path.write_text("another")
    with pytest.raises(BundleError, match=f"{path.name} is not the file .* copy it again"):
        files_of(str(bundle.repository), bundle.kind, "1.20.1")
    path.unlink()
    with pytest.raises(BundleError, match=f"{path.name}: No such file"):
        files_of(str(bundle.repository), bundle.kind, "1.20.1")


def test_a_bundle_whose_list_somebody_else_signed_is_refused(bundle, site, tmp_path):
    bundle.download("1.20.1")
    other = Vendor(tmp_path / "other")
    publish(other, bundle.kind, site, "1.20.1")
    shutil.rmtree(bundle.repository)
    shutil.copytree(site.folder / bundle.architecture, bundle.repository)
    key = bundle.repository.parent / "key.asc"
    with pytest.raises(
        BundleError, match=f"not that of the owner of {key}: it is signed by the key {other.fingerprint}"
    ):
        files_of(str(bundle.repository), bundle.kind, "1.20.1")
    key.write_text("nonsense")
    with pytest.raises(BundleError, match=f"not that of the owner of {key}: it has no -----BEGIN PGP"):
        files_of(str(bundle.repository), bundle.kind, "1.20.1")
    key.unlink()
    with pytest.raises(BundleError, match=f"{key}: No such file"):
        files_of(str(bundle.repository), bundle.kind, "1.20.1")


def test_a_list_cannot_name_a_file_outside_of_its_repository(site, vendor, tmp_path):
    publish(vendor, "apt", site, "1.20.1")
    release = site.folder / "amd64" / "InRelease"
    release.write_text(vendor.clear_sign(f"SHA256:\n {'0' * 64} 5 Packages\n"))
    (site.folder / "amd64" / "Packages").unlink()
    with pytest.raises(BundleError, match="it has none of Packages"):
        Bundle("apt", site, vendor.key, tmp_path / "bundle").download("1.20.1")
    from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import apt_index, listed

    for path in ("../key", "/etc/passwd", "a/../../b", "%2e%2e/key", "."):
        with pytest.raises(listed.BadRepository, match="not in the repository"):
            apt_index.packages(f"Package: a\nVersion: 1\nFilename: {path}\nSHA256: {'0' * 64}\n")


def test_other_architectures_and_kinds_can_be_dropped(bundle):
    bundle.download("1.20.1")
    assert not toolkit_packages.drop(bundle.path, bundle.kind, [bundle.architecture])
    (bundle.repository.parent / "riscv64").mkdir()
    assert toolkit_packages.drop(bundle.path, bundle.kind, [bundle.architecture])
    assert {path.name for path in bundle.repository.parent.iterdir()} == {bundle.architecture, "key.asc"}
    assert toolkit_packages.drop(bundle.path, bundle.kind, [])
    assert not bundle.repository.parent.exists()
