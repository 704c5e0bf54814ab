"""Short-lived containers on the hosts of the lab, like jobs of users."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

from tests.lab import hosts
from tests.stack import LAB_NAME, image, on

END = "/run/load-ends"
GPUS = {"gpu1": "--runtime=nvidia --env NVIDIA_VISIBLE_DEVICES=all", "gpu2": "--device nvidia.com/gpu=all"}
COUNT = "for step in $(seq 100); do date >>/tmp/steps; sleep 0.2; done"
# Of each round one job is removed when it ends, one is kept for a while, and one comes under the same name as before.
# The first one that is kept is started by hand again, at most every six minutes.
LOOP = """
start() { docker run --detach --name "$@" >/dev/null; }
number=0
until [ -e %(end)s ]; do
    number=$((number + 1))
    start job-$number --rm --entrypoint /bin/sh %(image)s -c '%(count)s'
    start job-kept-$number %(gpus)s --entrypoint /bin/sh %(image)s -c 'sleep 20'
    start job-again --rm --entrypoint /bin/sh %(image)s -c 'sleep 3'
    [ $number -le 9 ] || docker rm --force job-kept-$((number - 8)) >/dev/null
    [ $((number %% 24)) -ne 0 ] || docker start job-kept-1 >/dev/null
    sleep 15
done
"""


@contextlib.contextmanager
def jobs() -> Iterator[None]:
    """Start and remove containers on all hosts, again and again."""
    loops = {}
    for name in hosts.HOSTS:
        loop = LOOP % {"image": image(), "end": END, "count": COUNT, "gpus": GPUS.get(name, "")}
        command = ["docker", "exec", hosts.container(LAB_NAME, name), "bash", "-euc", loop]
        loops[name] = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield
        ended = [(name, process.communicate()[1]) for name, process in loops.items() if process.poll() is not None]
        assert not ended, f"containers no longer come and go: {ended}"
    finally:
        for name, process in loops.items():
            on(name, f"touch {END}")
            process.wait(timeout=60)
            on(
                name,
                f"rm {END}; docker ps --all --quiet --filter name=^job- | xargs --no-run-if-empty docker rm --force",
            )
