# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Work that mostly waits, in several threads. `concurrent.futures` takes longer to import than a small task takes."""

from collections.abc import Iterator, Sequence
from threading import Lock, Thread
from typing import Callable, TypeVar, Union

Value = TypeVar("Value")
Result = TypeVar("Result")
# A value that was left out, since an error before it ends the work.
_LEFT_OUT = RuntimeError("left out")


def each(
    workers: Sequence[Callable[[Value], Result]], values: Sequence[Value], is_tolerated: Callable[[Exception], bool]
) -> list[Union[Result, Exception]]:
    """The results for the values in their order, with the error if a worker raised one; a thread for each worker.

    An error for which `is_tolerated` returns False ends the work and is raised.
    """
    results: list[Union[Result, Exception]] = [_LEFT_OUT] * len(values)
    fatal: list[Exception] = []
    left, lock = iter(range(len(values))), Lock()

    def numbers() -> Iterator[int]:
        while not fatal:
            with lock:
                number = next(left, None)
            if number is None:
                return
            yield number

    def work(worker: Callable[[Value], Result]) -> None:
        for number in numbers():
            try:
                results[number] = worker(values[number])
            except Exception as error:
                results[number] = error
                if not is_tolerated(error):
                    fatal.append(error)

    threads = [Thread(target=work, args=(worker,), daemon=True) for worker in workers[1:]]
    for thread in threads:
        thread.start()
    work(workers[0])
    for thread in threads:
        thread.join()
    if fatal:
        raise fatal[0]
    return results
