"""MkDocs' hooks: pages whose sources are outside docs, the reference, and a check of the links in the built pages."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from tests.tools.site import added_links, html_links, reference_pages, repository_links

log = logging.getLogger("mkdocs.site")
KINDS = {"module": "Modules", "role": "Variables of roles", "filter": "Filters", "lookup": "Lookups"}
OUTSIDE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "bench/README.md": "benchmarks.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "vulnerabilities.md",
    "CODE_OF_CONDUCT.md": "conduct.md",
}


def sources() -> dict[str, str]:
    """The page of each Markdown file of the repository that has one."""
    roles = {
        f"roles/{path.parent.name}/README.md": f"roles/{path.parent.name}.md" for path in ROOT.glob("roles/*/README.md")
    }
    docs = {
        path.relative_to(ROOT).as_posix(): path.relative_to(ROOT / "docs").as_posix()
        for path in ROOT.glob("docs/**/*.md")
    }
    return {**OUTSIDE, **dict(sorted(roles.items())), **docs}


PAGES = sources()
REFERENCE = reference_pages.pages()


def on_config(config: MkDocsConfig) -> None:
    """Add the roles and the reference to the navigation."""
    roles = [page for page in PAGES.values() if page.startswith("roles/")]
    kinds = {
        title: [_entry(name, kind) for name in REFERENCE if name.endswith(f"_{kind}")] for kind, title in KINDS.items()
    }
    sections = {title: pages for entry in config.nav for title, pages in entry.items()}
    sections["Roles"] += roles
    sections["Reference"] += [{title: pages} for title, pages in kinds.items()]


def _entry(name: str, kind: str) -> str | dict[str, str]:
    """A page of the reference in the navigation. A role keeps its title, since its README has its name."""
    page = f"reference/{name}.md"
    return page if kind == "role" else {name.removesuffix(f"_{kind}"): page}


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages that docs does not have."""
    for source, page in PAGES.items():
        if not source.startswith("docs/"):
            files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    for name, text in REFERENCE.items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to the site's pages, or to the repository for what the site does not have."""
    name = page.file.src_uri
    source = next((source for source, known in PAGES.items() if known == name), None)
    if source is None:
        return markdown
    home = str(config.repo_url).rstrip("/")
    markdown = added_links.add(markdown, name, REFERENCE)
    return repository_links.rewrite(markdown, source, name, PAGES, ROOT, home)


def on_post_build(config: MkDocsConfig) -> None:
    """Warn of links that lead nowhere, which ends a strict build."""
    for link in html_links.broken(Path(config.site_dir)):
        log.warning("A link leads nowhere. %s", link)
