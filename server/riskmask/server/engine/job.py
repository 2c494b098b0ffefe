"""One request under way: when it has to stop, and how long each of its stages took."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from riskmask.server.engine.errors import AbandonedError, ExpiredError


class Stage(StrEnum):
    """A part of the way whose time is told."""

    QUEUE = "queue"
    DECODE = "decode"
    PREDICT = "predict"
    SEARCH = "search"
    EXAMINE = "examine"
    CONCLUDE = "post-process"


@dataclass
class StageTime:
    """When a stage was, in nanoseconds of ``time.perf_counter_ns``.

    Attributes:
        ended: None while it goes on, and for good where nobody waited for its end.
    """

    stage: Stage
    begun: int
    ended: int | None = None


class Job:
    """Carries a caller's patience to the thread that works for it.

    Attributes:
        priority: of its tiles where the model takes those of several requests; lower goes first.
        times: of the stages so far; the first is the wait in the queue, which starts with the job.
    """

    def __init__(self, allowed: float | None = None) -> None:
        """Starts the clock.

        Args:
            allowed: seconds until nobody wants the answer any more; None for no end.
        """
        self._deadline = math.inf if allowed is None else time.monotonic() + allowed
        self._abandoned = threading.Event()
        self.priority = 0
        self.times = [StageTime(Stage.QUEUE, time.perf_counter_ns())]

    def begin(self) -> None:
        """From the thread that works: the wait in the queue is over."""
        self.times[0].ended = time.perf_counter_ns()

    @property
    def seconds(self) -> dict[Stage, float]:
        """How long each stage took that is over; callable while the thread still works."""
        return {
            each.stage: (each.ended - each.begun) / 1e9
            for each in tuple(self.times)
            if each.ended is not None
        }

    def abandon(self) -> None:
        """From any thread: the answer is no longer wanted."""
        self._abandoned.set()

    def check(self) -> None:
        """Between two steps, from the thread that works or one that runs its tiles.

        Raises:
            AbandonedError: the caller has gone.
            ExpiredError: the caller's time is over.
        """
        if self._abandoned.is_set():
            raise AbandonedError("the caller has cancelled this analysis")
        if time.monotonic() >= self._deadline:
            raise ExpiredError("no answer within the time allowed; allow more, or send less")

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        """Checks, and measures what is done inside."""
        self.check()
        current = StageTime(stage, time.perf_counter_ns())
        self.times.append(current)
        try:
            yield
        finally:
            current.ended = time.perf_counter_ns()
