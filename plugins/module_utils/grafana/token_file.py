# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The file of a service account's token."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError

# pkg/components/apikeygen: a token of a service account, or an API key of an older Grafana.
_TOKEN = re.compile(r"(glsa_|eyJ)[!-~]+")


def read(path: str) -> str:
    """The token in the file, or empty text for a missing file. A file that holds something else must not be lost."""
    if os.path.isdir(path):
        raise GrafanaError(f"token_file: {path} is a directory. Give the path of a file.")
    if not os.path.isfile(path):
        return ""
    try:
        token = Path(path).read_text(encoding="utf-8-sig").strip()
    except UnicodeDecodeError:
        token = "binary"
    if token and not _TOKEN.fullmatch(token):
        raise GrafanaError(
            f"token_file: {path} holds other content than a token of Grafana, which would be lost."
            " Give another file, or remove the file."
        )
    return token


@contextmanager
def written_at_once(path: str) -> Iterator[TextIO]:
    """A file that replaces the one at the path when all is written, readable by its owner alone.

    It is made before, so that no token is replaced that could not be stored.
    """
    folder = os.path.dirname(path) or "."
    temporary = ""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
        os.replace(temporary, path)
    except OSError as error:
        raise GrafanaError(
            f"token_file: {path} cannot be written: {error.strerror}. Give a file that the user of the task may write."
        ) from error
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)
