"""Takes the prose out of a source file, for the linter of prose: texts of YAML, strings, docstrings and comments."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import yaml

# Keys with texts for people, in playbooks, specifications, module docs, dashboards and alerts.
TEXT_KEYS = {"description", "fail_msg", "msg", "name", "notes", "short_description", "summary", "title"}
YAML_OF_MODULES = {"DOCUMENTATION", "EXAMPLES", "RETURN"}

_COMMENT = re.compile(r"^\s*(?:#|//)[!:]?\s?(.*)$")
_MARKUP = re.compile(r"\b[A-Z]{1,3}\(([^()]*(?:\([^()]*\)[^()]*)*)\)")
_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_WORDS_IN_A_ROW = re.compile(r"[A-Za-z']{2,},? [A-Za-z']+,? [A-Za-z']{2,}")
# Lists of names have three words in a row too, but none of these.
_COMMON_WORD = re.compile(
    r"\b(?:an?|and|are|as|for|from|has|have|in|is|it|no|not|of|on|or|that|the|to|was|with)\b", re.I
)


class Text(NamedTuple):
    """A piece of prose and the line on which it begins."""

    line: int
    text: str


def of_file(path: str, source: str) -> list[Text]:
    """The prose of a file, by the end of its name. Markdown is one piece."""
    if path.endswith(".md"):
        return [Text(1, source)]
    if path.endswith(".py"):
        tree = ast.parse(source)
        # Strings of tests repeat messages of the collection, and parts of files.
        texts = _docstrings(tree) if path.startswith(("molecule/", "tests/")) else _strings(tree)
        return sorted([*texts, *_comments_of_python(source)])
    if path.endswith((".yml", ".yaml")):
        return sorted([*_texts_of_yaml(source), *_comments(source)])
    return list(_comments(source))


def as_markdown(text: str) -> str:
    """A piece of prose as Markdown. Ansible's markup and templates become code, which the rules ignore."""
    text = _TEMPLATE.sub("`X`", _MARKUP.sub(lambda markup: f"`{markup[1]}`", text))
    return "\n".join(re.sub(r"^(?:[-=*#>|~]+$|[#>|]+ )", "", line.strip()) for line in text.splitlines())


def _is_prose(text: str) -> bool:
    return bool(_WORDS_IN_A_ROW.search(text) and _COMMON_WORD.search(text))


def _docstrings(tree: ast.Module) -> Iterator[Text]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield Text(node.lineno, node.value.value)


def _strings(tree: ast.Module) -> Iterator[Text]:
    """Docstrings, documentation of modules, and strings of one line. Longer strings are programs and files."""
    yield from _docstrings(tree)
    nodes = list(ast.walk(tree))
    elsewhere = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    elsewhere |= {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    documentation = {
        id(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) in YAML_OF_MODULES
    }
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "`X`" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in elsewhere:
            text = node.value
        else:
            continue
        if id(node) in documentation:
            yield from (Text(node.lineno + part.line - 1, part.text) for part in _texts_of_yaml(text))
        elif "\n" not in text and _is_prose(text):
            yield Text(node.lineno, text)


def _comments_of_python(source: str) -> Iterator[Text]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = [token for token in tokens if token.type == tokenize.COMMENT]
    whole_lines = [token for token in comments if token.line.lstrip().startswith("#")]
    yield from _blocks((token.start[0], token.string.lstrip("#!: ")) for token in whole_lines)
    for token in comments:
        if not token.line.lstrip().startswith("#"):
            yield from _blocks([(token.start[0], token.string.lstrip("#!: "))])


def _comments(source: str) -> Iterator[Text]:
    lines = enumerate(source.splitlines(), 1)
    yield from _blocks(
        (number, comment[1]) for number, line in lines if (comment := _COMMENT.match(line)) and comment[1]
    )


def _blocks(comments: Iterable[tuple[int, str]]) -> Iterator[Text]:
    """Comments on lines that follow each other are one piece."""
    begin, block = 0, []
    for number, comment in [*comments, (-1, "")]:
        if number == begin + len(block):
            block.append(comment)
            continue
        if _is_prose(" ".join(block)):
            yield Text(begin, "\n".join(block))
        begin, block = number, [comment]


def _texts_of_yaml(source: str) -> Iterator[Text]:
    for document in yaml.compose_all(source, yaml.SafeLoader):
        yield from _texts_of_node(document, "")


def _texts_of_node(node: yaml.Node | None, key: str) -> Iterator[Text]:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield from _texts_of_node(value, str(name.value))
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _texts_of_node(item, key)
    elif isinstance(node, yaml.ScalarNode) and key in TEXT_KEYS and _is_prose(node.value):
        # The text of a block begins on the line after its mark.
        yield Text(node.start_mark.line + (2 if node.style in (">", "|") else 1), node.value)
