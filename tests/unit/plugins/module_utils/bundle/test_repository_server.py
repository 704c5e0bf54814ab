"""Files of a repository arrive although the connection breaks, the server is busy, or another server has the files."""

from __future__ import annotations

import hashlib

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.listed import ListedFile, Missing
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.repository_server import RepositoryServer

CONTENT = bytes(range(256)) * 4096
FILE = ListedFile("pool/a b.deb", len(CONTENT), "sha256", hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def server(site):
    """The server of a site with a file. `pauses` are the seconds it waited."""
    (site.folder / "pool").mkdir()
    (site.folder / "pool" / "a%20b.deb").write_bytes(CONTENT)
    pauses = []
    server = RepositoryServer("apt_url", site.url, None, pause=pauses.append)
    server.pauses = pauses
    return server


def test_a_broken_connection_continues_where_it_broke(server, site, tmp_path):
    site.cut_after = 300_000
    server.save(FILE, str(tmp_path / "a.deb"))
    assert (tmp_path / "a.deb").read_bytes() == CONTENT
    assert [offset for _path, offset in site.said] == ["", "bytes=300000-"]


def test_a_server_that_always_starts_over_gives_the_same_content(server, site, tmp_path):
    site.ranges = False
    site.cut_after = 300_000
    server.save(FILE, str(tmp_path / "a.deb"))
    assert (tmp_path / "a.deb").read_bytes() == CONTENT
    site.cut_after = 300_000
    assert server.read(FILE.path) == CONTENT
    assert len(site.said) == 4


def test_a_further_run_continues_where_an_earlier_one_ended(server, site, tmp_path):
    (tmp_path / "a.deb.part").write_bytes(CONTENT[:1000])
    server.save(FILE, str(tmp_path / "a.deb"))
    assert (tmp_path / "a.deb").read_bytes() == CONTENT
    assert site.said == [("/pool/a%20b.deb", "bytes=1000-")]
    assert not (tmp_path / "a.deb.part").exists()


@pytest.mark.parametrize("left", [b"another", CONTENT + b"more", b"!" * len(CONTENT)])
def test_what_another_run_left_of_another_file_is_fetched_whole(server, tmp_path, left):
    (tmp_path / "a.deb.part").write_bytes(left)
    server.save(FILE, str(tmp_path / "a.deb"))
    assert (tmp_path / "a.deb").read_bytes() == CONTENT


def test_a_busy_server_is_asked_again_when_it_says(server, site, tmp_path):
    site.problems += [(503, {}), (429, {"Retry-After": "7"})]
    server.save(FILE, str(tmp_path / "a.deb"))
    assert len(server.pauses) == 2 and server.pauses[1] == 7
    assert (tmp_path / "a.deb").read_bytes() == CONTENT


def test_a_server_that_stays_busy_is_named_and_the_rest_is_kept(server, site, tmp_path):
    (tmp_path / "a.deb.part").write_bytes(CONTENT[:1000])
    site.problems += [(503, {})] * 6
    with pytest.raises(
        BundleError, match=rf"apt_url: {site.url}/pool/a b.deb cannot be fetched: the server answers 503\. Check"
    ):
        server.save(FILE, str(tmp_path / "a.deb"))
    assert (tmp_path / "a.deb.part").read_bytes() == CONTENT[:1000]


def test_a_redirect_is_followed_and_a_circle_is_not(server, site, tmp_path):
    site.problems += [(302, {"Location": f"{site.url.replace('127.0.0.1', 'localhost')}/pool/a%20b.deb"})]
    server.save(FILE, str(tmp_path / "a.deb"))
    assert (tmp_path / "a.deb").read_bytes() == CONTENT
    site.problems += [(302, {"Location": "/pool/a%20b.deb"})] * 6
    with pytest.raises(BundleError, match="redirects in a circle"):
        server.read(FILE.path)


def test_no_login_goes_to_another_server_or_into_a_message(site):
    server = RepositoryServer("apt_url", site.url.replace("//", "//user:secret@") + "/none", None)
    with pytest.raises(Missing):
        server.read("InRelease")
    assert server.shown("InRelease") == f"{site.url}/none/InRelease".replace("//", "//***@", 1)


def test_the_proxy_of_the_environment_is_asked(site, monkeypatch):
    monkeypatch.setenv("http_proxy", site.url)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(Missing):
        RepositoryServer("apt_url", "http://mirror.invalid/deb", None).read("InRelease")
    assert site.said == [("http://mirror.invalid/deb/InRelease", "")]


def test_a_server_that_does_not_answer_is_named():
    server = RepositoryServer("rpm_url", "http://127.0.0.1:9/rpm", None, pause=lambda _seconds: None)
    with pytest.raises(
        BundleError,
        match=r"rpm_url: http://127.0.0.1:9/rpm/repomd cannot be fetched: connection refused\..*proxy \(https_proxy\)",
    ):
        server.read("repomd")


def test_a_url_of_another_scheme_is_refused():
    with pytest.raises(BundleError, match="the scheme is neither http nor https"):
        RepositoryServer("apt_url", "ftp://mirror", None).read("InRelease")
