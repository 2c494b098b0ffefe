"""Tiles that go through the model together: the same answers, and nobody pays for another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from riskmask.model.runtime.contract import Maps
from riskmask.model.runtime.detector_session import DetectorSession
from riskmask.model.runtime.errors import ModelError
from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.tile_batches import Batching, TileBatches, batch_sizes
from riskmask.model.runtime.weights import find_weights
from riskmask.server.engine.errors import AbandonedError
from riskmask.server.engine.job import Job

Pixels = NDArray[np.uint8]
MAPS = ("risk", "rate", "content", "high_impact", "kind")
POISON = 7


class GatedModel:
    """A real session whose first run waits until told; remembers every batch.

    A batch is remembered by the first byte of each of its tiles; one that holds POISON fails.
    """

    def __init__(self, path: Path) -> None:
        self.session = DetectorSession(path, threads=1)
        self.begun, self.gate = threading.Event(), threading.Event()
        self.batches: list[list[int]] = []

    def __call__(self, tiles: Pixels, release: bool) -> Maps:
        self.begun.set()
        assert self.gate.wait(60)
        marks = [int(tile[0, 0, 0]) for tile in tiles]
        self.batches.append(marks)
        if POISON in marks:
            raise ModelError("the detector failed on a tile")
        return self.session.run(tiles, release)


class Line:
    """A queue of tiles whose model is busy with a first one until ``go`` is called."""

    def __init__(self, path: Path, largest: int) -> None:
        self.model = GatedModel(path)
        self.queue = TileBatches(self.model, Batching(largest))
        self.pool = ThreadPoolExecutor(16)
        first = np.zeros((1, 256, 256, 3), np.uint8)
        self.pool.submit(self.queue.run, first, lambda: None, 0, release=False)
        assert self.model.begun.wait(60)

    def send(
        self,
        *marks: int,
        side: int = 256,
        check: Callable[[], None] = lambda: None,
        priority: int = 0,
    ) -> Future[list[Maps]]:
        """Tiles in the queue, in the order of the calls."""
        tiles = np.stack([np.full((side, side, 3), mark, np.uint8) for mark in marks])
        before = len(self.queue._waiting)
        future = self.pool.submit(self.queue.run, tiles, check, priority, release=False)
        with self.queue._changed:
            assert self.queue._changed.wait_for(
                lambda: len(self.queue._waiting) == before + len(marks), 60
            )
        return future

    def go(self) -> list[list[int]]:
        """The batches after the first, once all are done."""
        self.model.gate.set()
        self.pool.shutdown(wait=True)
        assert self.queue._waiting == []
        return self.model.batches[1:]


@pytest.fixture
def line(detector_path: Path) -> Callable[[int], Line]:
    return lambda largest: Line(detector_path, largest)


def test_tiles_that_wait_go_together_in_few_sizes(line: Callable[[int], Line]) -> None:
    queued = line(4)
    answers = [queued.send(mark) for mark in range(20, 27)]
    # 7 wait: never three at once, so that the model's memory knows few shapes
    assert queued.go() == [[20, 21, 22, 23], [24, 25], [26]]
    assert all(len(answer.result()) == 1 for answer in answers)
    assert [batch_sizes(largest) for largest in (1, 2, 3, 8)] == [
        (1,),
        (1, 2),
        (1, 2),
        (1, 2, 4, 8),
    ]


def test_tiles_of_one_image_and_of_several_share_a_batch_of_one_shape(
    line: Callable[[int], Line],
) -> None:
    queued = line(4)
    one = queued.send(20, 21)
    other_shape = queued.send(30, side=512)
    another = queued.send(22, 23)
    assert queued.go() == [[20, 21, 22, 23], [30]]
    assert [len(each.result()) for each in (one, other_shape, another)] == [2, 1, 2]
    assert other_shape.result()[0]["risk"].shape == (1, 8, 128, 128)


def test_urgent_tiles_go_first(line: Callable[[int], Line]) -> None:
    queued = line(2)
    for mark in (20, 21, 22):
        queued.send(mark, priority=1)
    for mark in (10, 11, 12):
        queued.send(mark, priority=0)
    assert queued.go() == [[10, 11], [12, 20], [21, 22]]


def test_a_cancelled_request_s_tiles_never_reach_the_model(line: Callable[[int], Line]) -> None:
    queued, job, late = line(8), Job(), Job(allowed=60)
    kept = [queued.send(20, check=late.check), queued.send(21)]
    gone = queued.send(30, 31, check=job.check)
    job.abandon()
    assert queued.go() == [[20, 21]]
    with pytest.raises(AbandonedError):
        gone.result()
    assert all(len(each.result()) == 1 for each in kept)


def test_a_request_that_ends_between_two_of_its_tiles_ends_for_both(
    line: Callable[[int], Line],
) -> None:
    queued, asked = line(2), iter((False, True))

    def check() -> None:
        if next(asked, True):
            raise AbandonedError("gone")

    gone, kept = queued.send(20, 21, check=check), queued.send(22)
    assert queued.go() == [[20, 22]]
    with pytest.raises(AbandonedError):
        gone.result()
    assert len(kept.result()) == 1


def test_an_error_fails_its_own_request_alone(line: Callable[[int], Line]) -> None:
    queued = line(4)
    good = [queued.send(mark) for mark in (20, 21, 22)]
    bad = queued.send(POISON)
    after = queued.send(23)
    batches = queued.go()
    assert batches[0] == [20, 21, 22, POISON]
    with pytest.raises(ModelError, match="failed on a tile"):
        bad.result()
    assert all(len(each.result()) == 1 for each in (*good, after))


def test_a_batch_that_is_not_full_waits_no_longer_than_told(detector_path: Path) -> None:
    sizes: list[int] = []
    session = DetectorSession(detector_path, threads=1)
    # two of two are there at once: an hour is never waited for
    queue = TileBatches(session.run, Batching(2, wait_seconds=3600, told=sizes.append))
    with ThreadPoolExecutor(2) as pool:
        tile = np.zeros((1, 256, 256, 3), np.uint8)
        calls = [pool.submit(queue.run, tile, lambda: None, 0, release=False) for _ in range(2)]
        assert [len(call.result(timeout=60)) for call in calls] == [1, 1]
    assert sizes == [2]
    lone = TileBatches(session.run, Batching(2, wait_seconds=0.05, told=sizes.append))
    assert len(lone.run(tile, lambda: None, 0, release=False)) == 1
    assert sizes == [2, 1]


def test_what_interrupts_the_thread_that_runs_the_model_stops_no_other(
    detector_path: Path,
) -> None:
    session, interrupted = DetectorSession(detector_path, threads=1), threading.Event()

    def model(tiles: Pixels, release: bool) -> Maps:
        if not interrupted.is_set():
            interrupted.set()
            raise KeyboardInterrupt
        return session.run(tiles, release)

    # long enough for both tiles to be in the batch that is interrupted
    queue = TileBatches(model, Batching(2, wait_seconds=5))
    tile = np.zeros((1, 256, 256, 3), np.uint8)
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(queue.run, tile, lambda: None, 0, release=False) for _ in range(2)]
        errors = [call.exception(timeout=60) for call in calls]
    assert [type(error) for error in errors if error is not None] == [KeyboardInterrupt]
    assert [len(call.result()) for call in calls if call.exception() is None] == [1]


def test_a_model_that_takes_one_tile_alone_is_refused(
    detector_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = DetectorSession._answer

    def first_in_all(self: DetectorSession, tiles: Pixels, options: object) -> Maps:
        maps = answer(self, tiles, options)
        return {name: np.repeat(values[:1], len(values), axis=0) for name, values in maps.items()}

    monkeypatch.setattr(DetectorSession, "_answer", first_in_all)
    with pytest.raises(ModelError, match="leave batch_tiles at 1"):
        Predictor(detector_path, threads=1, batching=Batching(4))
    assert Predictor(detector_path, threads=1).name == "tiny"


def _share_within(left: Prediction, right: Prediction, tolerance: float) -> float:
    near = [
        np.abs(getattr(left, name).astype(np.float32) - getattr(right, name).astype(np.float32))
        <= tolerance
        for name in MAPS
    ]
    return float(np.concatenate([each.ravel() for each in near]).mean())


@pytest.mark.slow
def test_the_packaged_detector_answers_the_same_in_batches() -> None:
    draw = np.random.default_rng(3)

    def picture(width: int, height: int) -> Pixels:
        coarse = draw.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
        fine = coarse.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]
        return np.clip(fine + draw.integers(-8, 8, fine.shape), 0, 255).astype(np.uint8)

    # several images of one shape, and one that is cut into several tiles
    pictures = [*(picture(250, 200) for _ in range(5)), picture(1800, 250)]
    path, sizes = find_weights("detector").path, list[int]()
    alone = Predictor(path, threads=1)
    batching = Batching(4, wait_seconds=0.5, told=sizes.append)
    together = Predictor(path, threads=1, batching=batching)
    with ThreadPoolExecutor(len(pictures)) as pool:
        answers = list(pool.map(together.predict, pictures))
    assert max(sizes) == 4
    for image, answer in zip(pictures, answers, strict=True):
        assert _share_within(alone.predict(image), answer, 2 / 255) >= 0.999
