"""How many calls of one method may run or wait at the same time."""

from __future__ import annotations

from riskmask.server.errors import TooManyCalls

SOONEST_RETRY, LATEST_RETRY = 0.1, 30.0
REMEMBERED = 0.2  # weight of the last call's time in the mean


class MeanTime:
    """What calls take: a mean in which the last ones count most."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """One call that is over."""
        known = self.seconds
        self.seconds = seconds if not known else known + REMEMBERED * (seconds - known)


class Places:
    """Room for the calls of one method. Use it from one event loop.

    A place is taken from the call on until nothing works for it any more, so that a method never
    has more threads than places, not even where its callers go away and come again.

    Args:
        method: of the service.
        most: calls that may run or wait at the same time, at least 1.
        threads: that all methods share.
    """

    def __init__(self, method: str, most: int, threads: int) -> None:
        self._method = method
        self._most = most
        self._threads = threads
        self._taken = 0
        self._mean = MeanTime()

    def take(self) -> None:
        """Takes one place.

        Raises:
            TooManyCalls: all are taken; says when one of them is likely to be free.
        """
        if self._taken >= self._most:
            raise TooManyCalls(self._method, self._most, self.retry_seconds())
        self._taken += 1

    def give_back(self, seconds: float | None = None) -> None:
        """One place is free again.

        Args:
            seconds: that its call had a thread for; None where it never had one.
        """
        self._taken -= 1
        if seconds is not None:
            self._mean.add(seconds)

    def retry_seconds(self) -> float:
        """When a place is likely to be free, from what this method's calls have taken so far."""
        return retry_within_reason(self._mean.seconds * max(1.0, self._taken / self._threads))


def retry_within_reason(seconds: float) -> float:
    """Neither at once nor in minutes."""
    return min(max(seconds, SOONEST_RETRY), LATEST_RETRY)
