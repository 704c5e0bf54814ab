# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The mark by which `prune` knows a dashboard that a task with this owner declared: a tag. Pure.

Grafana's user interface keeps tags when somebody saves, and drops keys of the model that it does not know. The search
gives all tags in one request. Copies keep tags too. So the mark contains the owner, the uid and the folder, and counts
for no other dashboard and in no other folder. Only the top level and folders of the owner give a mark.
"""

import hashlib
import re
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json

# Grafana takes tags of up to 50 characters: 11 + 26 + 1 + 12.
_PREFIX = "managed-by:"
_OWNER_CHARACTERS = 26
_DIGEST_CHARACTERS = 12
_MARK = re.compile(rf"{_PREFIX}[A-Za-z0-9_-]{{1,{_OWNER_CHARACTERS}}}:[0-9a-f]{{{_DIGEST_CHARACTERS}}}")


def of(owner: str, uid: str, folder_uid: str) -> str:
    """The mark of a dashboard that was declared in this folder; the top level is an empty uid."""
    digest = hashlib.sha256("/".join((owner, uid, folder_uid)).encode()).hexdigest()
    return f"{prefix(owner)}{digest[:_DIGEST_CHARACTERS]}"


def is_on(tags: Any, owner: str, uid: str, folder_uid: str) -> bool:
    """Whether the dashboard with these tags has its mark."""
    return of(owner, uid, folder_uid) in _listed(tags)


def is_folder_of(owner: str, folder_uid: str) -> bool:
    """Whether a folder has the owner's mark, which is its uid."""
    return folder_uid == owner or folder_uid.startswith(f"{owner}-")


def marked(model: Json, owner: str, mark: Optional[str]) -> Json:
    """The model with the owner's tag and the mark, if any, and without the marks of an export's source."""
    tags = [tag for tag in _listed(model.get("tags")) if not _MARK.fullmatch(tag)]
    return {**model, "tags": [*tags, *([] if owner in tags else [owner]), *([mark] if mark else [])]}


def kept(tags: Any, owner: str) -> Optional[str]:
    """The owner's mark among the tags, whatever dashboard and folder it was made for."""
    return next((tag for tag in _listed(tags) if tag.startswith(prefix(owner)) and _MARK.fullmatch(tag)), None)


def without(content: Json) -> Json:
    """The content of a dashboard without marks, which distinguishes a move from an update."""
    tags = content.get("tags")
    if not isinstance(tags, list):
        return content
    return {**content, "tags": [tag for tag in tags if not _MARK.fullmatch(str(tag))]}


def prefix(owner: str) -> str:
    """What all marks of the owner begin with. Long owners may share the prefix, and never a mark."""
    return f"{_PREFIX}{owner[:_OWNER_CHARACTERS]}:"


def _listed(tags: Any) -> list[str]:
    return [str(tag) for tag in tags] if isinstance(tags, list) else [str(tags)] if tags else []
