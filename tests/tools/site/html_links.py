"""Links between the built pages that lead nowhere. MkDocs checks those in Markdown alone, not those in HTML."""

from __future__ import annotations

import posixpath
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """The ids of a page and what it refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value}
        self.ids |= {values[name] for name in ("id", "name") if name in values}
        self.links |= {values[name] for name in ("href", "src") if name in values}


def links_of(path: Path) -> set[str]:
    """What a page refers to."""
    return _Page(path.read_text(encoding="utf-8")).links


def broken(site: Path) -> list[str]:
    """A line for each link to a file or an anchor that the site does not have."""
    pages = {
        path.relative_to(site).as_posix(): _Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")
    }
    return [
        f"{name}: {link}"
        for name, page in sorted(pages.items())
        if name != "404.html"
        for link in sorted(page.links)
        if not _has_target(link, name, pages, site)
    ]


def _has_target(link: str, name: str, pages: dict[str, _Page], site: Path) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    path = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(parts.path))) if parts.path else name
    target = path if (site / path).is_file() else posixpath.normpath(posixpath.join(path, "index.html"))
    if not (site / target).is_file():
        return False
    return not parts.fragment or target not in pages or unquote(parts.fragment) in pages[target].ids
