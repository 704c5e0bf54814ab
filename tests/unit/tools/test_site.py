"""The pages that the documentation site makes of other files, and its check of links."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools.site import added_links, external_links, html_links, reference_pages, repository_links

ROOT = Path(__file__).resolve().parents[3]
PAGES = {"README.md": "index.md", "roles/tls/README.md": "roles/tls.md", "docs/fleet.md": "fleet.md"}
REFERENCE = """
mlops.gpu_monitoring.one module -- Does one thing
+++++++++++++++++++++++++++++++++++++++++++++++++

What every page repeats.

Synopsis
--------

- Takes what `the other module <other_module.rst>`_ and `that of Ansible <copy_module.rst>`_ give.
- Reads :literal:`lookup('file', 'some.json')`.

.. raw:: html

  <span style="color: purple;">string</span>

Examples
--------

.. code-block:: yaml+jinja

    - mlops.gpu_monitoring.one:
        text: "{{ a < b }}"

Authors
~~~~~~~

- Somebody
"""


@pytest.mark.parametrize(
    ("source", "link", "expected"),
    [
        ("README.md", "docs/fleet.md#remove", "fleet.md#remove"),
        ("README.md", "docs/images/overview.png", "images/overview.png"),
        ("README.md", "LICENSE", "https://example.com/x/blob/main/LICENSE"),
        ("docs/fleet.md", "../README.md", "index.md"),
        ("docs/fleet.md", "../roles", "https://example.com/x/tree/main/roles"),
        ("docs/fleet.md", "#remove", "#remove"),
        ("roles/tls/README.md", "../tls/README.md", "tls.md"),
        ("roles/tls/README.md", "https://example.com/README.md", "https://example.com/README.md"),
        ("docs/fleet.md", "../missing.md", "../missing.md"),
    ],
)
def test_links_of_the_repository_lead_to_pages_of_the_site(source, link, expected):
    text = repository_links.rewrite(f"A [link]({link}).", source, PAGES[source], PAGES, ROOT, "https://example.com/x")
    assert text == f"A [link]({expected})."


@pytest.mark.parametrize(
    ("page", "text", "expected"),
    [
        ("modules.md", "`one` and `none`", "[`one`](reference/one_module.md) and `none`"),
        ("fleet.md", "`one`", "`one`"),
        ("roles/tls.md", "`ansible-doc -t role\nx.tls`", "[`ansible-doc -t role\nx.tls`](../reference/tls_role.md)"),
        ("fleet.md", "![A](images/a.png)", "[![A](images/a.png)](images/a.png)"),
        ("fleet.md", "![A](images/a.svg)", "[![A](images/a.svg)](images/a.svg)"),
    ],
)
def test_the_site_links_names_to_the_reference_and_pictures_to_themselves(page, text, expected):
    assert added_links.add(text, page, {"one_module"}) == expected


def test_a_page_of_antsibull_docs_as_markdown():
    page = reference_pages.markdown(REFERENCE, {"one_module", "other_module"})
    assert page.startswith("# one module: Does one thing\n\n## Synopsis\n")
    assert 'href="other_module.html"' in page
    assert "purple" not in page
    assert "<code>lookup('file', 'some.json')</code>" in page
    assert 'href="https://docs.ansible.com/ansible/latest/collections/ansible/builtin/copy_module.html"' in page
    assert '```yaml\n- mlops.gpu_monitoring.one:\n    text: "{{ a < b }}"\n```' in page
    assert "repeats" not in page
    assert "Somebody" not in page


def test_links_of_built_pages_that_lead_nowhere_are_named(tmp_path):
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text('<h2 id="here">Here</h2><a href="../">up</a><img src="../a.png">')
    links = ["page/#here", "page/#missing", "a.png", "#missing", "https://example.com/", "none/"]
    (tmp_path / "index.html").write_text("".join(f'<a href="{link}">x</a>' for link in links))
    (tmp_path / "a.png").write_text("")
    assert html_links.broken(tmp_path) == ["index.html: #missing", "index.html: none/", "index.html: page/#missing"]


class _Answers(http.server.BaseHTTPRequestHandler):
    """Answers with the status that is the path."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


def test_missing_addresses_of_other_sites_are_named(server):
    pages_by_address = {f"{server}/{status}": ["index.html"] for status in (200, 403, 404, 500)}
    assert external_links.broken(pages_by_address, ignored=[f"{server}/500"]) == [
        f"{server}/404: HTTP 404 (in index.html)"
    ]


def test_addresses_of_examples_are_not_asked(tmp_path):
    links = ["https://registry.example.com/", "http://127.0.0.1:3000", "page/", "https://prometheus.io/docs/#here"]
    (tmp_path / "index.html").write_text("".join(f'<a href="{link}">x</a>' for link in links))
    assert external_links.addresses(tmp_path) == {"https://prometheus.io/docs/": ["index.html"]}
