# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable


def mirrored(sources: Sequence[str], registry: str = "", registries: Mapping[str, str] | None = None) -> str:
    """The name of an image where a site gets it: from the mirror of an upstream registry, from that of all, or upstream.

    `sources` are the names of the image upstream, the preferred one first. The last one has the path that `registry` mirrors.
    """
    for source in sources:
        upstream, _slash, path = source.partition("/")
        if (registries or {}).get(upstream):
            return f"{(registries or {})[upstream].rstrip('/')}/{path}"
    if registry:
        return f"{registry.rstrip('/')}/{sources[-1].partition('/')[2]}"
    return sources[0]


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"mirrored": mirrored}
