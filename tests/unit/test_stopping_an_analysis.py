"""An answer that nobody wants any more is not worked on: checked before each stage and tile."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.engine.engine import Engine
from riskmask.server.engine.errors import AbandonedError, ExpiredError
from riskmask.server.engine.job import Job, Stage
from riskmask.server.engine.values import AnalysisRequest

Pixels = NDArray[np.uint8]


class CountingPredictor:
    """A real predictor that counts its tiles and does something after the first."""

    def __init__(self, inner: Predictor, after_first: Callable[[], None]) -> None:
        self.name, self.sha256 = inner.name, inner.sha256
        self.inner, self.after_first = inner, after_first
        self.images = self.tiles = 0

    def predict(self, image: Pixels, before_tile: Callable[[], None], priority: int) -> Prediction:
        self.images += 1

        def count() -> None:
            if self.tiles == 1:
                self.after_first()
            before_tile()
            self.tiles += 1

        return self.inner.predict(image, count, priority)

    def warm(self) -> None:
        self.inner.warm()


@pytest.fixture
def large(encode: Callable[..., bytes]) -> bytes:
    """A picture of many tiles."""
    return encode(np.full((200, 1800, 3), 90, np.uint8))


def test_a_cancelled_analysis_stops_at_its_next_tile(
    predictor: Predictor, profiles: dict[str, CodecProfile], large: bytes
) -> None:
    job = Job()
    whole = CountingPredictor(predictor, lambda: None)
    Engine(whole, profiles).analyze(AnalysisRequest(large))
    assert whole.tiles > 1
    counting = CountingPredictor(predictor, job.abandon)
    with pytest.raises(AbandonedError):
        Engine(counting, profiles).analyze(AnalysisRequest(large), job)
    assert counting.tiles == 1
    assert Stage.CONCLUDE not in job.seconds


@pytest.mark.parametrize("allowed", [0.0, -5.0])
def test_an_expired_request_never_reaches_the_model(
    predictor: Predictor, profiles: dict[str, CodecProfile], large: bytes, allowed: float
) -> None:
    counting = CountingPredictor(predictor, lambda: None)
    with pytest.raises(ExpiredError, match="allow more"):
        Engine(counting, profiles).analyze(AnalysisRequest(large), Job(allowed))
    assert counting.images == 0


def test_a_deadline_ends_the_work_between_two_tiles(
    predictor: Predictor,
    profiles: dict[str, CodecProfile],
    large: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr("riskmask.server.engine.job.time.monotonic", lambda: now)

    def an_hour_passes() -> None:
        nonlocal now
        now += 3600

    counting = CountingPredictor(predictor, an_hour_passes)
    with pytest.raises(ExpiredError):
        Engine(counting, profiles).analyze(AnalysisRequest(large), Job(30.0))
    assert counting.tiles == 1


def test_a_finished_job_knows_what_each_stage_took(engine: Engine, large: bytes) -> None:
    job = Job(60.0)
    engine.analyze(AnalysisRequest(large), job)
    assert set(job.seconds) == {Stage.DECODE, Stage.PREDICT, Stage.CONCLUDE}
    assert all(seconds > 0 for seconds in job.seconds.values())
