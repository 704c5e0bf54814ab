# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The text format of Prometheus."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass
class Family:
    """A gauge with its samples."""

    name: str
    help: str
    samples: list[tuple[Mapping[str, str], float]] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Its lines; none without a sample."""
        if not self.samples:
            return []
        samples = [f"{self.name}{_labels(labels)} {value}" for labels, value in self.samples]
        return [f"# HELP {self.name} {self.help}", f"# TYPE {self.name} gauge", *samples]


def render(families: Iterable[Family]) -> str:
    """The families as one text."""
    return "".join(f"{line}\n" for family in families for line in family.lines())


def _labels(labels: Mapping[str, str]) -> str:
    text = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{text}}}" if text else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
