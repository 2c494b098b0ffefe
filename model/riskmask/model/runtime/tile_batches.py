"""Tiles of one shape, from whichever images are in the works, through the model together.

There is no thread of its own: of the threads that wait for their tiles, the one that finds the
model free takes a batch out of the queue, its own tiles in it or not, and runs it for all. So there
is nothing to start, to stop or to exchange with the model.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np
from numpy.typing import NDArray

from riskmask.model.runtime.contract import Maps

LOG = logging.getLogger(__name__)
Pixels = NDArray[np.uint8]
LARGEST_BATCH = 32


def batch_sizes(largest: int) -> tuple[int, ...]:
    """The sizes that batches have: powers of two up to the largest, so that memory stays bounded.

    Args:
        largest: number of tiles, at least 1.
    """
    return tuple(2**power for power in range(largest.bit_length()))


@dataclass(frozen=True)
class Batching:
    """How tiles are put together.

    Attributes:
        largest: tiles in one batch; 1 is none.
        wait_seconds: that the first tile of a batch that is not full waits for others.
        told: called with the number of tiles of each batch that the model has run.
    """

    largest: int = 1
    wait_seconds: float = 0.0
    told: Callable[[int], None] = lambda _: None


@dataclass(eq=False)
class _Waiting:
    """A tile in the queue; its answer or what went wrong, once it is done.

    ``alone`` once a batch with it has failed: whose tile it was shows one by one.
    """

    tile: Pixels
    release: bool
    check: Callable[[], None]
    rank: tuple[int, int]
    alone: bool = False
    arrived: float = field(default_factory=time.monotonic)
    maps: Maps | None = None
    error: Exception | None = None

    @property
    def is_done(self) -> bool:
        return self.maps is not None or self.error is not None

    def fits(self, other: _Waiting) -> bool:
        """Whether the two may be in one batch."""
        return self.tile.shape == other.tile.shape and not self.alone and not other.alone


class TileBatches:
    """A queue of tiles before one model. ``run`` may be called from many threads at once.

    Args:
        model: answers (N, H, W, 3) uint8 tiles with maps of N; runs one call at a time. Told
            whether to give its memory back afterwards.
        batching: how tiles are put together.
    """

    def __init__(self, model: Callable[[Pixels, bool], Maps], batching: Batching) -> None:
        self._model = model
        self._told = batching.told
        self._wait_seconds = batching.wait_seconds
        self._sizes = batch_sizes(batching.largest)
        self._arrivals = count()
        self._waiting: list[_Waiting] = []
        self._changed = threading.Condition()
        self._model_is_busy = False

    def run(
        self,
        tiles: Pixels,
        check: Callable[[], None],
        priority: int,
        *,
        release: bool,
    ) -> list[Maps]:
        """Maps of each tile, as the model answers one alone.

        Args:
            tiles: (N, H, W, 3) uint8 RGB.
            check: called from any thread before a tile goes to the model; what it raises is
                raised here, and neither this tile nor those after it reach the model.
            priority: lower goes first; among equals, whoever came first.
            release: the model gives its memory back after the last of them.

        Raises:
            ModelError: the model failed on one of these tiles.
        """
        own = [
            _Waiting(
                tile=tile,
                release=release and index + 1 == len(tiles),
                check=check,
                rank=(priority, next(self._arrivals)),
            )
            for index, tile in enumerate(tiles)
        ]
        with self._changed:
            self._waiting.extend(own)
            self._changed.notify_all()
        try:
            while self._until_done_or_free(own):
                self._run_next()
        finally:
            with self._changed:
                self._waiting = [each for each in self._waiting if each not in own]
        for each in own:
            if each.error is not None:
                raise each.error
        return [each.maps for each in own if each.maps is not None]

    def _until_done_or_free(self, own: Sequence[_Waiting]) -> bool:
        """Waits; True where it falls to this thread to run the model, which is then taken."""
        with self._changed:
            while True:
                if all(each.is_done for each in own) or any(each.error for each in own):
                    return False
                if not self._model_is_busy:
                    self._model_is_busy = True
                    return True
                self._changed.wait()

    def _run_next(self) -> None:
        batch: list[_Waiting] = []
        try:
            batch = self._next_batch()
            if batch:
                self._run(batch)
        finally:
            with self._changed:
                # where this thread is interrupted, others go on with what it had taken
                self._waiting.extend(each for each in batch if not each.is_done)
                self._model_is_busy = False
                self._changed.notify_all()

    def _run(self, batch: Sequence[_Waiting]) -> None:
        try:
            maps = self._model(
                np.stack([each.tile for each in batch]), any(each.release for each in batch)
            )
        except Exception as error:
            if len(batch) == 1:
                batch[0].error = error
                return
            LOG.warning("a batch of %d tiles failed; they go one by one", len(batch), exc_info=True)
            for each in batch:  # back into the queue, where checks and ranks count again
                each.alone = True
            return
        for index, each in enumerate(batch):
            each.maps = {name: values[index : index + 1] for name, values in maps.items()}
        self._told(len(batch))

    def _next_batch(self) -> list[_Waiting]:
        """Takes the most urgent tiles of one shape out of the queue; maybe none are left."""
        with self._changed:
            while True:
                self._drop_unwanted()
                if not self._waiting:
                    return []
                first = min(self._waiting, key=lambda each: each.rank)
                alike = [each for each in self._waiting if each.fits(first)]
                if first.alone:
                    alike = [first]
                    break
                left = first.arrived + self._wait_seconds - time.monotonic()
                if len(alike) >= self._sizes[-1] or left <= 0:
                    break
                self._changed.wait(left)
            alike.sort(key=lambda each: each.rank)
            size = max(size for size in self._sizes if size <= len(alike))
            batch = alike[:size]
            self._waiting = [each for each in self._waiting if each not in batch]
            return batch

    def _drop_unwanted(self) -> None:
        for each in self._waiting:
            try:
                each.check()
            except Exception as error:  # noqa: BLE001 - it is the caller's, who raises it
                each.error = error
                self._changed.notify_all()  # its caller need not wait for the model
        self._waiting = [each for each in self._waiting if each.error is None]
