"""Looks up newer tags and digests of the default images in their registries, and rewrites the roles' table of them.

`make update-images` runs it. It says what it changed and which registries gave no answer. An image without an answer
keeps its version and its digest.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / ".cache" / "collections")]

from tests.conftest import link_collection

link_collection()

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.client import Registry
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.connections import Connections
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.errors import RegistryError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.registry_login import login_for

from tests.tools import image_table
from tests.tools.image_table import DefaultImage

# A registry answers with so many tags at most, and with a link to the next page.
_PAGE = 1000
# A person waits for the answers, and may run this again.
_LONGEST_LIMIT_SECONDS = 120
_NEXT_PAGE = re.compile("<([^>]+)>")


class Answer(NamedTuple):
    """The newest version of an image in a registry, and the digest of that version's index."""

    version: str
    digest: str


class Update(NamedTuple):
    """The table's new text, and a line about each image."""

    text: str
    report: list[str]
    unanswered: list[str]


def updated(text: str, look_up: Callable[[DefaultImage], Answer]) -> Update:
    """The table with what the registries answer. `look_up` raises RegistryError."""
    report, unanswered = [], []
    for name, image in image_table.parse(text).items():
        try:
            answer = look_up(image)
        except RegistryError as error:
            unanswered.append(f"{name}: {error}")
            continue
        if answer == (image.version, image.digest):
            report.append(f"{name}: {image.version} is current")
        else:
            text = image_table.with_version(text, name, *answer)
            previous = f"{image.version} {image.digest or 'without a digest'}"
            report.append(f"{name}: {previous} -> {answer.version} {answer.digest}")
    return Update(text, report, unanswered)


class Registries:
    """Asks the registry from which an image comes without a mirror, with the login that Docker has for the registry.

    A registry that is not reached, or limits requests, is not asked again, since each failure takes pauses.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._silent: dict[str, RegistryError] = {}

    def look_up(self, image: DefaultImage) -> Answer:
        """The newest version of an image and its digest. Raises RegistryError."""
        host, _slash, repository = image.repository.partition("/")
        if host in self._silent:
            raise self._silent[host]
        login = login_for(image.repository, None)
        registry = Registry(host, login, self._connections, _tell, _LONGEST_LIMIT_SECONDS)
        try:
            version = image.newest(_tags(registry, repository))
            return Answer(version, registry.manifest(repository, image.tag_of(version)).digest)
        except RegistryError as error:
            if error.status in (0, 429):
                self._silent[host] = error
            raise


def _tags(registry: Registry, repository: str) -> list[str]:
    tags: list[str] = []
    page: str | None = f"/v2/{repository}/tags/list?n={_PAGE}"
    while page:
        content, headers = registry.read(page, repository)
        try:
            tags += json.loads(content)["tags"] or []
        except (ValueError, KeyError, TypeError):
            raise RegistryError(
                f"{registry.name}/{repository}: the answer is not a list of tags. Check the proxy."
            ) from None
        following = _NEXT_PAGE.match(headers.get("Link", ""))
        page = following[1] if following else None
    return tags


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


def main() -> int:
    """Rewrites the table; 1 if a registry gave no answer."""
    connections = Connections()
    update = updated(image_table.FILE.read_text(), Registries(connections).look_up)
    connections.close()
    image_table.FILE.write_text(update.text)
    print("\n".join(update.report))
    for line in update.unanswered:
        _tell(f"no answer, kept as it was: {line}")
    return 1 if update.unanswered else 0


if __name__ == "__main__":
    sys.exit(main())
