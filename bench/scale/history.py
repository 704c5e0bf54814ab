"""Samples of simulated hosts over a time that is past, as Prometheus would have them, put into servers."""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

from bench.scale.servers import INTERVAL, program
from bench.simulated import addresses, served
from bench.simulated.host import pages
from bench.simulated.notation import VARIANTS, Values, text

# Milliseconds by which cAdvisor misses the interval.
JITTER = 5


@dataclass(frozen=True)
class Past:
    """Samples of one series; times are in milliseconds."""

    name: str
    labels: dict[str, str]
    values: list[str]
    times: list[int]


def samples(hosts: int, begin: int, end: int, wanted: Callable[[str], bool]) -> Iterator[Past]:
    """The series with wanted names, with a sample each interval."""
    moments = range(begin, end, INTERVAL)
    regular = [1000 * moment for moment in moments]
    known: dict[tuple[str, int], list[str]] = {}
    for number, (host, address) in enumerate(addresses(hosts).items()):
        measured: dict[int, list[int]] = {-1: regular}
        for job, page in pages(host, number, Values()).items():
            target = {"job": job, "host": host, "instance": served(address)}
            yield Past("up", target, ["1"] * len(moments), regular)
            for line, labels, variant, container in page.series:
                if not wanted(line.name):
                    continue
                course = (line.value, variant % VARIANTS)
                if course not in known:
                    known[course] = [text(*course, moment // INTERVAL) for moment in moments]
                if container not in measured:
                    chance = random.Random(container)
                    measured[container] = [time - 150 * container - chance.randrange(JITTER) for time in regular]
                own = dict(re.findall(r'(\w+)="([^"]*)"', labels))
                own.pop("Hostname", None)
                yield Past(line.name, {**own, **target}, known[course], measured[container])


def make_blocks(past: Iterable[Past], folder: Path) -> None:
    """Have promtool make blocks of the samples in the folder of a Prometheus."""
    source = folder.parent / "history.om"
    with source.open("w") as file:
        for series in past:
            labels = ",".join(f'{label}="{value}"' for label, value in series.labels.items())
            pairs = zip(series.values, series.times, strict=True)
            file.writelines(f"{series.name}{{{labels}}} {value} {time / 1000:.3f}\n" for value, time in pairs)
        file.write("# EOF\n")
    command = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(source), str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    source.unlink()


def put(past: Iterable[Past], url: str) -> None:
    """Import the samples into a VictoriaMetrics."""

    def lines() -> Iterator[bytes]:
        for series in past:
            metric = json.dumps({"__name__": series.name, **series.labels})
            yield f'{{"metric":{metric},"values":[{",".join(series.values)}],"timestamps":{series.times}}}\n'.encode()

    requests.post(f"{url}/api/v1/import", data=lines(), timeout=1200).raise_for_status()
