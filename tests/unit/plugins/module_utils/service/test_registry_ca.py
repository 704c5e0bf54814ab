"""The authority of a registry, where the engine reads it."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import files, registry_ca
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import ManagedFile

FIRST = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
SECOND = FIRST.replace("MIIB", "MIIC")


@pytest.fixture
def trust(tmp_path, monkeypatch):
    """Trusts an authority for two registries, in a folder of the test; returns what changed."""
    monkeypatch.setattr(registry_ca, "FOLDER", str(tmp_path))
    # Files of root would need root.
    monkeypatch.setattr(files, "wanted_state", lambda file: owned_by_test_user(file, tmp_path))

    def run(text, check_mode=False):
        options = {
            "registry": "harbor.example.com:8443/all",
            "mirrors": ["Harbor.example.com:8443/quay", "mirror.example.com"],
        }
        return registry_ca.of_options({**options, "registry_ca": text}, check_mode)

    run.path = tmp_path / "harbor.example.com:8443" / "ca.crt"
    return run


def owned_by_test_user(file: ManagedFile, folder):
    status = folder.stat()
    return files.FileState(file.content.encode(), 0o644, status.st_uid, status.st_gid)


def test_the_file_is_written_once_for_each_registry(trust, tmp_path):
    assert len(trust(FIRST, check_mode=True)) == 2 and not trust.path.exists()
    assert len(trust(FIRST)) == 2
    assert trust.path.read_text().endswith(FIRST) and (tmp_path / "mirror.example.com" / "ca.crt").exists()
    assert trust(FIRST) == []
    assert len(trust(SECOND)) == 2 and FIRST not in trust.path.read_text()


def test_without_an_authority_the_file_goes_that_the_module_wrote(trust, tmp_path):
    assert trust("") == []
    trust(FIRST)
    assert len(trust("", check_mode=True)) == 2 and trust.path.exists()
    assert len(trust("")) == 2 and not trust.path.parent.exists()
    trust.path.parent.mkdir()
    trust.path.write_text(FIRST)
    assert trust("") == [] and trust.path.exists()


def test_a_file_of_the_site_is_left_as_it_is(trust):
    trust.path.parent.mkdir(parents=True)
    trust.path.write_text(f"# ours\r\n{SECOND}{FIRST}".replace("\n", "\r\n"))
    assert [change["after_header"] for change in trust(FIRST, check_mode=True)] == [
        str(trust.path.parents[1] / "mirror.example.com" / "ca.crt")
    ]
    trust.path.write_text(SECOND)
    with pytest.raises(
        ServiceError, match="holds other certificates.*Add the certificate to the file, or remove the file"
    ):
        trust(FIRST)
    assert trust.path.read_text() == SECOND


def test_text_without_a_certificate_is_refused(trust):
    with pytest.raises(ServiceError, match="registry_ca: this holds no certificate"):
        trust("/etc/ssl/ca.crt")
