"""The recipes of docs/scale.md: what a site writes for an engine, and the flags of the engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scale.md"
SECTIONS = {section.splitlines()[0]: section for section in PAGE.read_text().split("\n### ")[1:]}


def variables(engine: str, addresses: dict[str, str]) -> dict[str, Any]:
    """The variables of a recipe, with secrets made up and addresses of the test instead of those of the page."""
    [block] = re.findall(r"```yaml\n(.*?)```", SECTIONS[engine], re.DOTALL)
    for address, own in addresses.items():
        assert address in block, address
        block = block.replace(address, own)
    return {**dict.fromkeys(re.findall(r"vault_\w+", block), "a secret of the test"), **yaml.safe_load(block)}


def flags(engine: str, command: str) -> list[str]:
    """The flags on the page of the command that begins so, other than the addresses of a site."""
    [block] = re.findall(r"```console\n(.*?)```", SECTIONS[engine], re.DOTALL)
    [line] = [line for line in block.replace("\\\n", "").splitlines() if line.startswith(command)]
    return [
        flag
        for flag in re.findall(r"--\S+", line)
        if not flag.startswith(("--endpoint", "--label", "--receive.hashrings-file", "--tsdb"))
    ]
