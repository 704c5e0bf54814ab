# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable


def image_reference(
    image: Mapping[str, Any], version: str, registry: str = "", registries: Mapping[str, str] | None = None
) -> str:
    """The reference of an image where a site gets it: from the mirror of its registry, from that of all, or upstream.

    The digest of the image's default version counts only for that version without a mirror.
    """
    mirror = _mirror(image["repositories"], registry, registries or {})
    reference = f"{mirror or image['repositories'][0]}:{image['tag'].replace('{version}', str(version))}"
    is_default = not mirror and str(version) == image["version"]
    return f"{reference}@{image['digest']}" if is_default and image["digest"] else reference


def _mirror(repositories: Sequence[str], registry: str, registries: Mapping[str, str]) -> str:
    """The repository of the image in a mirror; empty without one."""
    for repository in repositories:
        upstream, _slash, path = repository.partition("/")
        if registries.get(upstream):
            return f"{registries[upstream].rstrip('/')}/{path}"
    if registry:
        return f"{registry.rstrip('/')}/{repositories[-1].partition('/')[2]}"
    return ""


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"image_reference": image_reference}
