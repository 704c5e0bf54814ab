# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""One round: read, decide, write."""

import sys
from dataclasses import dataclass, replace

from container_gpu_collector import cdi, exposition, families, proc_driver, textfile, usage
from container_gpu_collector.allocation import Allocations
from container_gpu_collector.container_files import ContainerFiles
from container_gpu_collector.containers import Container
from container_gpu_collector.inventory import Inventory
from container_gpu_collector.measure import Measure
from container_gpu_collector.options import Options

# An unchanged file is written again, so that its time of success tells that the collector works.
_UNCHANGED_SECONDS = 10


@dataclass
class Collector:
    """What the rounds of the program share."""

    options: Options

    def __post_init__(self) -> None:
        self._files = ContainerFiles(self.options.containers, self.options.labels, self.options.cgroup_parent)
        self._allocations = Allocations(self.options.nvidia_runtimes)
        self._specifications = cdi.Specifications(self.options.cdi)
        self._measure = Measure()
        self._uses: list[usage.Use] = []
        self._measured_at = 0.0
        self._written, self._written_at = "", 0.0
        self._told: set[str] = set()

    def collect(self, now: float) -> None:
        """Read the containers and the GPUs, and write what changed. Raises OSError if that is not possible."""
        containers, inventory = self._files.running(), self._inventory()
        given = self._allocations.update(containers, inventory)
        if self.options.usage_interval and not 0 <= now - self._measured_at < self.options.usage_interval:
            self._uses, self._measured_at = self._measure.update(inventory, given, containers), now
        errors = {
            "cdi": [
                f"The CDI specification {path} cannot be read or is not understood."
                for path in self._specifications.unreadable
            ],
            "container": [
                f"The files of the container {identifier} cannot be read." for identifier in self._files.unreadable
            ],
            "nvml": self._measure.failures,
            "device": [
                f"The container {name} asked for a GPU or MIG instance that is not known."
                for name in self._allocations.unknown
            ],
        }
        self.tell({message for messages in errors.values() for message in messages})
        driver = self.options.cgroup_driver
        text = exposition.render([families.allocation(given, driver), *families.use(self._uses_of(containers), driver)])
        counts = {kind: len(messages) for kind, messages in errors.items()}
        body = text + exposition.render(families.state(counts, 0))
        if body != self._written or not 0 <= now - self._written_at < _UNCHANGED_SECONDS:
            textfile.write(self.options.textfile, text + exposition.render(families.state(counts, now)))
            self._written, self._written_at = body, now

    def stop(self) -> None:
        """Take back what would not be true for long. The time of the last success stays, so that the end is noticed."""
        textfile.write(self.options.textfile, exposition.render(families.state({}, self._written_at)))

    def _inventory(self) -> Inventory:
        driver = self.options.driver
        inventory = Inventory(
            proc_driver.gpus(driver),
            proc_driver.instances(driver),
            proc_driver.capabilities(driver),
            cdi_nodes=self._specifications.nodes(),
        )
        return replace(inventory, instance_names={**cdi.instance_names(inventory), **self._measure.instance_names})

    def _uses_of(self, containers: list[Container]) -> list[usage.Use]:
        """What was measured last, of the containers that still run."""
        running = {container.id: container for container in containers}
        return [use for use in self._uses if use.container is None or running.get(use.container.id) == use.container]

    def tell(self, messages: set[str]) -> None:
        """Write each message once, until it goes and comes again."""
        for message in sorted(messages - self._told):
            sys.stderr.write(f"{message}\n")
        self._told = messages
