# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.engine_confinement import Confinement
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import Engine
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine_types import Image, Network


class SharedAnswers:
    """Answers of the engine that the services of one deployment share, until one of them changes something."""

    def __init__(self, engine: Optional[Engine]) -> None:
        self._engine = engine
        self.forget()

    def forget(self) -> None:
        """Ask the engine again from now on."""
        self._images: dict[str, Optional[Image]] = {}
        self._networks: Optional[dict[str, Network]] = None
        self._gpu_abilities: Optional[tuple[bool, bool, list[str]]] = None
        self._confinement: Optional[Confinement] = None

    @contextmanager
    def asked_again(self) -> Iterator[None]:
        """A change: what was answered before it does not count in it, nor after it."""
        self.forget()
        try:
            yield
        finally:
            self.forget()

    def image(self, reference: str) -> Optional[Image]:
        """The image as the engine reports it, or None."""
        if self._engine and reference not in self._images:
            self._images[reference] = self._engine.image(reference)
        return self._images.get(reference)

    def networks(self) -> dict[str, Network]:
        """The networks by name."""
        if self._networks is None:
            self._networks = self._engine.networks() if self._engine else {}
        return self._networks

    def gpu_abilities(self) -> tuple[bool, bool, list[str]]:
        """How the engine can give GPUs to a container."""
        if self._gpu_abilities is None:
            self._gpu_abilities = self._engine.gpu_abilities() if self._engine else (False, False, [])
        return self._gpu_abilities

    def confinement(self) -> Confinement:
        """How the engine confines containers."""
        if self._confinement is None:
            self._confinement = self._engine.confinement() if self._engine else Confinement()
        return self._confinement
