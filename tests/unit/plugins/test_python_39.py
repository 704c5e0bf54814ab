"""What runs on a host is Python 3.9."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
ON_HOSTS = sorted([*PLUGINS.glob("modules/*.py"), *PLUGINS.glob("module_utils/**/*.py")])


@pytest.mark.parametrize("path", ON_HOSTS, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_syntax(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 9))
