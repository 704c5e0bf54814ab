"""The reference of modules, roles and other plugins as Markdown, from what antsibull-docs writes of them."""

from __future__ import annotations

import html
import re
import subprocess
import tempfile
from collections.abc import Collection
from pathlib import Path

from docutils.core import publish_parts
from docutils.writers import html5_polyglot

COLLECTION = "mlops.gpu_monitoring"
_ANTSIBULL = [
    "antsibull-docs",
    "collection",
    "--use-current",
    "--output-format",
    "simplified-rst",
    "--squash-hierarchy",
]
# Where a page of antsibull-docs begins to repeat what is true of the whole collection.
_END = re.compile(r"\n(?:Authors|Collection links)\n[~^-]{3,}\n")
_SECTION = re.compile(r"<h2>(.*?)</h2>", re.DOTALL)
_CODE = re.compile(r"<pre[^>]*>(?:<code>)?(.*?)(?:</code>)?</pre>", re.DOTALL)
_LINK = re.compile(r"""href=["'](?:\.\./\.\./mlops/gpu_monitoring/)?(\w+)\.(?:rst|html)(#[^"']*)?["']""")
# Fixed colours would be unreadable on a dark page.
_COLOUR = re.compile(r"color: (?:purple|blue|black|darkgreen);")
# Where a page that is not of this collection is.
_OF_ANSIBLE = "https://docs.ansible.com/ansible/latest/collections/ansible/builtin"


def pages() -> dict[str, str]:
    """The page of each module, role, filter and lookup, by names such as `grafana_folder_module`."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*_ANTSIBULL, "--dest-dir", folder, COLLECTION], check=True, stdout=subprocess.DEVNULL)
        texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(Path(folder).glob("*.rst"))}
    del texts["index"]
    return {name: markdown(text, texts.keys()) for name, text in texts.items()}


def markdown(text: str, names: Collection[str]) -> str:
    """A page of antsibull-docs with its headings as Markdown and the rest as HTML."""
    settings = {"initial_header_level": 2, "syntax_highlight": "none", "toc_backlinks": False}
    parts = publish_parts(_END.split(text)[0], writer=html5_polyglot.Writer(), settings_overrides=settings)
    body = re.sub(r"</?section[^>]*>", "", parts["body"])
    body = _COLOUR.sub("", body)
    body = re.sub(r'<span class="pre">(.*?)</span>', r"\1", body, flags=re.DOTALL)
    body = re.sub(r'<span class="docutils literal">(.*?)</span>', r"<code>\1</code>", body, flags=re.DOTALL)
    _introduction, *sections = _SECTION.split(body)
    named = zip(sections[::2], sections[1::2])
    shown = [f"## {_text(title)}\n\n{_content(body, names)}" for title, body in named]
    return "\n\n".join([f"# {_text(parts['title']).replace(f'{COLLECTION}.', '', 1)}", *shown]) + "\n"


def _text(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", markup)).split()).replace(" -- ", ": ")


def _href(link: re.Match[str], names: Collection[str]) -> str:
    page = f"{link[1]}.html" if link[1] in names else f"{_OF_ANSIBLE}/{link[1]}.html"
    return f'href="{page}{link[2] or ""}"'


def _content(body: str, names: Collection[str]) -> str:
    """HTML of a section, with its examples as fenced code."""
    body = _LINK.sub(lambda link: _href(link, names), body)
    parts = _CODE.split(body)
    texts = [f'<div class="reference">{part.strip()}</div>' if part.strip() else "" for part in parts[::2]]
    codes = [f"```yaml\n{html.unescape(re.sub(r'<[^>]+>', '', code)).strip()}\n```" for code in parts[1::2]]
    return "\n\n".join(piece for pair in zip(texts, [*codes, ""]) for piece in pair if piece)
