from __future__ import annotations

import os

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import files, ports, secrets
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError

ME = {"owner": str(os.getuid()), "group": str(os.getgid())}


def item(path, content="text\n", mode="0640", **given):
    return {"path": str(path), "content": content, "mode": mode, "on_change": "none", **ME, **given}


def test_a_file_that_is_as_wanted_is_no_change(tmp_path):
    path = tmp_path / "a"
    (change,) = files.changes([item(path)], [])
    assert change.present is None
    files.write(str(path), change.wanted)
    assert files.changes([item(path)], []) == []
    os.chmod(path, 0o600)
    (change,) = files.changes([item(path)], [])
    assert change.diff()["after"].startswith("mode: 0640")


def test_restore_puts_back_content_or_removes(tmp_path):
    kept, new = tmp_path / "kept", tmp_path / "new"
    kept.write_text("old\n")
    for change in files.changes([item(kept), item(new)], []):
        files.write(change.path, change.wanted)
        files.restore(change)
    assert kept.read_text() == "old\n"
    assert not new.exists()


def test_staging_shows_the_whole_folder_and_leaves_it_alone(tmp_path):
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / "by-hand").write_text("kept")
    staging = files.Staging("svc", files.changes([item(folder / "sub" / "a")], []), [str(folder)])
    staging.stage(whole=True)
    staged = staging.folders[str(folder)]
    assert sorted(os.listdir(staged)) == ["by-hand", "sub"]
    assert not (folder / "sub").exists()
    staging.remove()
    assert os.listdir(tmp_path) == ["conf"]


@pytest.mark.parametrize(
    ("given", "words"),
    [({"mode": "rw"}, "mode 'rw'"), ({"owner": "no-such-user"}, "owner 'no-such-user'"), ({"group": "no-such-group"}, "group 'no-such-group'")],
)
def test_bad_attributes_are_refused_by_name(tmp_path, given, words):
    with pytest.raises(ServiceError, match=words):
        files.wanted_state({**item(tmp_path / "a"), **given})


def test_a_folder_in_place_of_a_file_is_one_clear_error(tmp_path):
    with pytest.raises(ServiceError, match=f"files: {tmp_path}: Is a directory"):
        files.read(str(tmp_path))


WANTED = [{"address": "10.0.0.1", "host_port": 9090}]


@pytest.mark.parametrize("address", ["10.0.0.1", "0.0.0.0"])
def test_a_port_of_another_container_is_refused(address):
    published = [ports.Published("other", address, 9090)]
    with pytest.raises(ServiceError, match="port 9090 of 10.0.0.1, wanted for svc, is taken by the container other"):
        ports.check("svc", WANTED, published, lambda _address, _port: None)


def test_the_own_port_and_another_address_are_no_problem():
    published = [ports.Published("svc", "10.0.0.1", 9090), ports.Published("other", "10.0.0.2", 9090)]
    ports.check("svc", WANTED, published, lambda _address, _port: 98)


@pytest.mark.parametrize(("number", "words"), [(98, "taken by another process"), (99, "no address of this host")])
def test_what_the_host_refuses_is_refused(number, words):
    with pytest.raises(ServiceError, match=words):
        ports.check("svc", WANTED, [], lambda _address, _port: number)


def test_secrets_are_masked_whole_by_line_and_by_value():
    parts = secrets.secret_parts(["user: admin1\npassword = hunter22\n"])
    assert secrets.masked("it said hunter22 and admin1", parts) == "it said <secret> and <secret>"
