"""A server whose model takes tiles of several calls at once: same answers, and nothing lost."""

from __future__ import annotations

import re
import signal
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from riskmask.client import AsyncClient, Client
from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.tile_batches import Batching
from riskmask.model.runtime.tiles import LARGEST, SMALLEST
from riskmask.server.engine.engine import Engine
from riskmask.server.errors import StartError
from riskmask.server.settings import load_settings

CALLS = 4
ANSWERED = 'riskmask_requests_total{method="Analyze",reason="OK"}'
BATCHED = ("--address", "127.0.0.1:0", "--metrics-port", "0", "--threads", str(CALLS))
# long enough for calls to meet on a machine that has other work
PATIENT = ("--batch-wait-seconds", "1")


def metrics(running: Any) -> Callable[[str], float]:
    """Reads one number of a server's metrics; 0 where there is no such series yet."""
    found = re.search(r"metrics on (\S+)", running.said)
    assert found
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def read(name: str) -> float:
        with direct.open(found[1], timeout=30) as answer:
            text = answer.read().decode()
        value = re.search(rf"^{re.escape(name)} (\S+)$", text, flags=re.MULTILINE)
        return float(value[1]) if value else 0.0

    return read


def test_calls_share_batches_and_get_the_answers_that_they_get_alone(
    start_server: Callable[..., Any], server: Any, png: bytes
) -> None:
    with Client(server.addresses[0]) as client:
        alone = client.analyze(png)
    with (
        start_server(*BATCHED, "--batch-tiles", str(CALLS), *PATIENT) as running,
        Client(running.addresses[0], timeout=120) as client,
        ThreadPoolExecutor(CALLS) as callers,
    ):
        read = metrics(running)
        assert read("riskmask_batch_tiles_count") == 0
        answers = list(callers.map(client.analyze, [png] * 2 * CALLS))
        assert read("riskmask_batch_tiles_sum") == 2 * CALLS
        assert read("riskmask_batch_tiles_count") < 2 * CALLS
        assert read('riskmask_batch_tiles_bucket{le="4.0"}') == read("riskmask_batch_tiles_count")
    assert all(answer == alone for answer in answers)


def test_calls_whose_tiles_wait_for_others_outlive_a_stop(
    start_server: Callable[..., Any], png: bytes
) -> None:
    with (
        start_server(*BATCHED, "--batch-tiles", "32", *PATIENT) as running,
        Client(running.addresses[0], timeout=120) as client,
        ThreadPoolExecutor(CALLS) as callers,
    ):
        read = metrics(running)
        calls = [callers.submit(client.analyze, png) for _ in range(CALLS)]
        end = time.monotonic() + 60
        # all have been taken, and some of them may be over already
        while read("riskmask_running") + read(ANSWERED) < CALLS:
            assert time.monotonic() < end
            time.sleep(0.02)
        running.process.send_signal(signal.SIGTERM)
        assert [call.result().image.width for call in calls] == [160] * CALLS
        assert running.process.wait(timeout=60) == 0


class Ranked:
    """A real predictor that remembers how urgent each image was."""

    def __init__(self, inner: Predictor) -> None:
        self.name, self.sha256, self.inner = inner.name, inner.sha256, inner
        self.warm = inner.warm
        self.priorities: list[int] = []

    def predict(self, image: Any, before_tile: Callable[[], None], priority: int) -> Prediction:
        self.priorities.append(priority)
        return self.inner.predict(image, before_tile, priority)


async def test_the_tiles_of_a_live_call_are_more_urgent_than_those_of_a_batch_call(
    predictor: Predictor, profiles: Any, png: bytes, serving: Callable[..., Any]
) -> None:
    ranked = Ranked(predictor)
    async with (
        serving(Engine(ranked, profiles)) as (_, address),
        AsyncClient(address, timeout=60) as client,
    ):
        await client.analyze(png, priority="live")
        await client.analyze(png, priority="batch")
    live, batch = ranked.priorities
    assert live < batch


def test_the_model_has_run_on_every_size_of_batch_before_the_first_call(
    detector_path: Any, monkeypatch: pytest.MonkeyPatch, profiles: Any
) -> None:
    predictor = Predictor(detector_path, threads=1, batching=Batching(4))
    shapes: list[tuple[int, ...]] = []
    run = predictor._session.run

    def watched(tiles: Any, release: bool) -> Any:
        shapes.append(tiles.shape[:3])
        return run(tiles, release)

    monkeypatch.setattr(predictor._session, "run", watched)
    Engine(predictor, profiles).warm()
    assert shapes == [
        (number, tile.height, tile.width) for tile in (LARGEST, SMALLEST) for number in (1, 2, 4)
    ]


def test_waiting_for_others_needs_batches_to_wait_for() -> None:
    with pytest.raises(StartError, match="batch_wait_seconds: needs batch_tiles"):
        load_settings(batch_wait_seconds=0.1)
    with pytest.raises(StartError, match="batch_tiles"):
        load_settings(batch_tiles=33)
