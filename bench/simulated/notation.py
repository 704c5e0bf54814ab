"""The notation of the files beside this one: a series and how its value changes.

The value is a number that stays, or LOW..HIGH, which goes to and fro. It may also be +RATE, which grows by RATE a
second, or now, which is the time. A value that changes has as many decimals as it has in the notation.
"""

from __future__ import annotations

import math
import random
import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
# Seconds between two values.
INTERVAL = 5
# A wave has this many values, and is less than the whole range by the share that is noise.
WAVE, NOISE = 120, 0.1
# Counters began at a multiple of this time, so that they are as large as those of a host that runs for weeks.
AGE = 10**7
VARIANTS = 16


@dataclass(frozen=True)
class Line:
    """A series of a file: its name, its own labels as they are written, and the notation of its value."""

    name: str
    labels: str
    value: str

    @property
    def kind(self) -> str:
        """Its type in the text format."""
        return "counter" if self.value.startswith("+") or self.name.endswith("_total") else "gauge"


def read(name: str) -> list[Line]:
    """The series of a file."""
    lines = []
    for text in (FOLDER / f"{name}.prom").read_text().splitlines():
        if not text.startswith("#"):
            series, _space, value = text.rpartition(" ")
            metric, _brace, labels = series.partition("{")
            lines.append(Line(metric, labels.rstrip("}"), value))
    return lines


class Values:
    """The values of all series as text. Series with one notation have one of `VARIANTS` courses."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, int], int] = {}
        self._moment, self._texts = -1, [""]

    def number(self, notation: str, variant: int) -> int:
        """Where the value of a notation is in `at`."""
        key = (notation, variant % VARIANTS)
        return self._numbers.setdefault(key, len(self._numbers))

    def at(self, time: float) -> list[str]:
        """All values at a time; they change once an interval."""
        moment = int(time) // INTERVAL
        if moment != self._moment:
            self._texts = [text(notation, variant, moment) for notation, variant in self._numbers]
            self._moment = moment
        return self._texts


def text(notation: str, variant: int, moment: int) -> str:
    """The value of a notation after so many intervals."""
    decimals = len(notation.rpartition(".")[2]) if re.search(r"\d\.\d+$|now\.", notation) else 0
    if notation.startswith("now"):
        return f"{moment * INTERVAL:.{decimals}f}"
    chance = random.Random(f"{notation} {variant} {moment}").random()
    if notation.startswith("+"):
        # At most one interval of jitter, so that the counter never falls.
        return f"{float(notation) * INTERVAL * (moment % (AGE // INTERVAL) + chance):.{decimals}f}"
    low, _dots, high = notation.partition("..")
    if not high:
        return notation
    wave = (1 + math.sin(2 * math.pi * (moment / WAVE + variant / VARIANTS))) / 2
    share = (1 - NOISE) * wave + NOISE * chance
    return f"{float(low) + share * (float(high) - float(low)):.{decimals}f}"
