# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""References of images, in full: registry, repository, tag and digest."""

import re
from dataclasses import dataclass

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.errors import RegistryError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.registry_login import DOCKER_HUB, registry_of

DIGEST = re.compile("sha256:[0-9a-f]{64}")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(f"{_COMPONENT}(?:/{_COMPONENT})*")
_REGISTRY = re.compile(r"[a-z0-9\[][a-z0-9.:\[\]-]*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
# How many digits of a digest make the tag of an image that has no tag.
_DIGITS_OF_TAG = 12


@dataclass(frozen=True)
class Reference:
    """An image of a registry. Either `tag` or `digest` may be empty, not both."""

    registry: str
    repository: str
    tag: str
    digest: str

    @property
    def version(self) -> str:
        """What the registry is asked for: the digest, which outweighs the tag."""
        return self.digest or self.tag

    @property
    def name(self) -> str:
        """The name with a tag and without a digest, by which an engine knows the image after `docker load`.

        An image without a tag gets one from its digest.
        """
        tag = self.tag or "sha256-" + self.digest.partition(":")[2][:_DIGITS_OF_TAG]
        return f"{self.registry}/{self.repository}:{tag}"


def parse(text: str) -> Reference:
    """The parts of a reference as Docker reads it. Raises RegistryError."""
    named, _at, digest = text.partition("@")
    registry = registry_of(named)
    first, slash, rest = named.partition("/")
    repository = rest if slash and ("." in first or ":" in first or first == "localhost") else named
    repository, colon, tag = repository.partition(":")
    if not colon and not digest:
        tag = "latest"
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    is_valid = _REGISTRY.fullmatch(registry) and _REPOSITORY.fullmatch(repository) and (not tag or _TAG.fullmatch(tag))
    if not is_valid or (colon and not tag) or ("@" in text and not DIGEST.fullmatch(digest)):
        raise RegistryError(
            f"'{text}' is not the reference of an image. Write it like docker.io/grafana/grafana:12.4.10."
        )
    return Reference(registry, repository, tag, digest)
