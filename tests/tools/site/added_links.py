"""Links that only the site can have: to its reference, and from a picture to the picture in full size."""

from __future__ import annotations

import re
from collections.abc import Container
from pathlib import PurePosixPath

_ANSIBLE_DOC = re.compile(r"`ansible-doc\s[^`]*`")
_NAME = re.compile(r"`(\w+)`")
_PICTURE = re.compile(r"!\[[^]]*\]\(([^)]*\.(?:png|svg))\)")


def add(text: str, page: str, reference: Container[str]) -> str:
    """The Markdown of `page` with its further links. `reference` has names such as `grafana_folder_module`."""
    if page.startswith("roles/"):
        text = _ANSIBLE_DOC.sub(rf"[\g<0>](../reference/{PurePosixPath(page).stem}_role.md)", text)
    if page == "modules.md":
        text = _NAME.sub(lambda name: _linked(name, reference), text)
    return _PICTURE.sub(r"[\g<0>](\1)", text)


def _linked(name: re.Match[str], reference: Container[str]) -> str:
    page = f"{name[1]}_module"
    return f"[{name[0]}](reference/{page}.md)" if page in reference else name[0]
