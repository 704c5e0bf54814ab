"""Links of the repository's Markdown as links of the site: to its page, or to the file at the repository's home."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

_LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)")


def rewrite(text: str, source: str, page: str, pages: Mapping[str, str], root: Path, home: str) -> str:
    """The Markdown of `source` as that of `page`. `pages` has the page of each file; all are paths with slashes."""

    def rewritten(link: re.Match[str]) -> str:
        target, anchor = link[1], link[2] or ""
        if "://" in target or target.startswith("mailto:"):
            return link[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if path in pages:
            return f"]({posixpath.relpath(pages[path], posixpath.dirname(page) or '.')}{anchor})"
        if os.path.exists(root / path) and not path.startswith("docs/"):
            return f"]({home}/{'tree' if (root / path).is_dir() else 'blob'}/main/{path}{anchor})"
        if path.startswith("docs/"):
            return f"]({posixpath.relpath(path[len('docs/') :], posixpath.dirname(page) or '.')}{anchor})"
        return link[0]

    return _LINK.sub(rewritten, text)
