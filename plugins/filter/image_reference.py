# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable


def image_reference(
    image: Mapping[str, Any], version: str, registry: str = "", registries: Mapping[str, str] | None = None
) -> str:
    """The reference of an image where a site gets it: from the mirror of its registry, from that of all, or upstream.

    The digest of the image's default version counts for that version from the preferred registry alone.
    """
    repositories = image["repositories"]
    repository = _repository(repositories, registry, registries or {})
    reference = f"{repository}:{image['tag'].replace('{version}', str(version))}"
    is_default = repository == repositories[0] and str(version) == image["version"]
    return f"{reference}@{image['digest']}" if is_default and image["digest"] else reference


def _repository(repositories: Sequence[str], registry: str, registries: Mapping[str, str]) -> str:
    for repository in repositories:
        upstream, _slash, path = repository.partition("/")
        if registries.get(upstream):
            return f"{registries[upstream].rstrip('/')}/{path}"
    if registry:
        return f"{registry.rstrip('/')}/{repositories[-1].partition('/')[2]}"
    return str(repositories[0])


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"image_reference": image_reference}
