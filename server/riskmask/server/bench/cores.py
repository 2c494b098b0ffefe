"""Which cores the server gets and which its callers, so that neither slows the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Cores:
    """Cores by number.

    Attributes:
        server: one core.
        callers: another one; the same where there is no other.
    """

    server: frozenset[int]
    callers: frozenset[int]

    def __str__(self) -> str:
        server, callers = (",".join(map(str, sorted(each))) for each in (self.server, self.callers))
        if self.server == self.callers:
            return f"server and callers share core {server}, the only one: they slow each other"
        return f"server on core {server}, callers on core {callers}"


def split(available: frozenset[int]) -> Cores:
    """The last core for the server, the first for its callers.

    Args:
        available: the cores that this process may use, at least one.
    """
    first, *_, last = [*sorted(available), max(available)]
    return Cores(server=frozenset({last}), callers=frozenset({first}))


def own_cores() -> frozenset[int]:
    """The cores that this thread may use."""
    return frozenset(os.sched_getaffinity(0))


@contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """Holds this thread to these cores; threads and processes that it starts inside stay there."""
    before = own_cores()
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
