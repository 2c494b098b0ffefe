"""Another model without a restart: SIGHUP, while calls go on."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import shutil
import signal
import threading
import time
import urllib.request
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from riskmask.client import AsyncClient, Client, RiskmaskError
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.engine.engine import Engine
from riskmask.server.engine.job import Job
from riskmask.server.engine.values import Analysis, AnalysisRequest

Start = Callable[..., Any]
Serving = Callable[..., Any]
Variant = Callable[..., Path]
SERVING = health_pb2.HealthCheckResponse.SERVING


def put(source: Path, target: Path) -> str:
    """Exchanges a file in one step; its hash."""
    partial = target.with_suffix(".partial")
    shutil.copy(source, partial)
    partial.replace(target)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def until(happened: Callable[[], bool], seconds: float = 60) -> None:
    """Waits for something that a server does in its own time."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def log_of(running: Any) -> str:
    text: str = running.log.read_text()
    return text


class Traffic:
    """Callers that ask without a pause, and a probe; what they were told."""

    def __init__(self, address: str, png: bytes) -> None:
        self._address, self._png = address, png
        self._over = threading.Event()
        self.models: list[list[str]] = [[], []]
        self.failures: list[RiskmaskError | grpc.RpcError] = []
        self.health: Counter[int] = Counter()

    @contextmanager
    def flowing(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._ask, args=(hashes,)) for hashes in self.models]
        threads.append(threading.Thread(target=self._probe))
        for thread in threads:
            thread.start()
        try:
            until(lambda: all(self.models) and bool(self.health))
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _ask(self, hashes: list[str]) -> None:
        with Client(self._address) as client:
            while not self._over.is_set():
                try:
                    hashes.append(client.analyze(self._png, timeout=60).model.sha256)
                except RiskmaskError as failure:
                    self.failures.append(failure)

    def _probe(self) -> None:
        with grpc.insecure_channel(self._address) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            while not self._over.is_set():
                try:
                    answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
                    self.health[answer.status] += 1
                except grpc.RpcError as failure:
                    self.failures.append(failure)
                time.sleep(0.01)


def test_a_new_model_takes_over_while_calls_go_on(
    start_server: Start, detector_path: Path, detector_variant: Variant, png: bytes, tmp_path: Path
) -> None:
    served = tmp_path / "served.onnx"
    old = put(detector_path, served)
    flags = ("--address", "127.0.0.1:0", "--metrics-port", "0")
    with start_server(*flags, model=served) as running, Client(running.addresses[0]) as client:
        assert client.server_info().model.sha256 == old
        traffic = Traffic(running.addresses[0], png)
        with traffic.flowing():
            new = put(detector_variant(name="tiny-2"), served)
            running.process.send_signal(signal.SIGHUP)
            until(lambda: client.server_info().model.sha256 == new)
            answered = [len(hashes) for hashes in traffic.models]
            until(
                lambda: all(
                    len(hashes) > before + 2
                    for hashes, before in zip(traffic.models, answered, strict=True)
                )
            )
        assert traffic.failures == []
        assert set(traffic.health) == {SERVING}
        for hashes in traffic.models:
            # one after the other, so the old model never comes back
            assert set(hashes) == {old, new}
            assert hashes == sorted(hashes, key=[old, new].index)
        analysis = client.analyze(png)
        assert (analysis.model.name, analysis.model.sha256) == ("tiny-2", new)
        assert client.server_info().model.name == "tiny-2"
        metrics = scrape(running.said)
        assert f'model_sha256="{new}"' in metrics
        assert old not in metrics
        assert 'riskmask_model_reloads_total{outcome="done"} 1.0' in metrics


BAD: list[tuple[dict[str, Any] | None, str]] = [
    ({"without": "kind"}, "lacks the outputs ['kind']"),
    ({"sizes": ("N", 256, 256)}, "takes pictures of one size alone"),
    ({"contract": "2"}, "its metadata says '2'"),
    (None, "served.onnx is not an ONNX model"),
]


def test_a_bad_file_leaves_the_old_model_in_place(
    start_server: Start, detector_path: Path, detector_variant: Variant, png: bytes, tmp_path: Path
) -> None:
    served = tmp_path / "served.onnx"
    old = put(detector_path, served)
    rubbish = tmp_path / "rubbish.onnx"
    rubbish.write_bytes(b"no model")
    flags = ("--address", "127.0.0.1:0", "--metrics-port", "0")
    with start_server(*flags, model=served) as running, Client(running.addresses[0]) as client:
        traffic = Traffic(running.addresses[0], png)
        with traffic.flowing():
            for refused, (changes, reason) in enumerate(BAD, start=1):
                put(rubbish if changes is None else detector_variant(**changes), served)
                running.process.send_signal(signal.SIGHUP)
                until(lambda times=refused: log_of(running).count("old model stays") == times)
                assert reason in log_of(running)
                assert client.analyze(png).model.sha256 == old
                assert client.server_info().model.sha256 == old
        assert traffic.failures == []
        assert set(traffic.health) == {SERVING}
        metrics = scrape(running.said)
        assert f'model_sha256="{old}"' in metrics
        assert f'riskmask_model_reloads_total{{outcome="refused"}} {len(BAD)}.0' in metrics
        # and it is no dead end
        new = put(detector_variant(name="mended"), served)
        running.process.send_signal(signal.SIGHUP)
        until(lambda: client.server_info().model.sha256 == new)


def test_a_manifest_beside_the_file_must_fit(
    start_server: Start, detector_path: Path, detector_variant: Variant, tmp_path: Path
) -> None:
    served = tmp_path / "served.onnx"
    manifest = tmp_path / "manifest.json"

    def describe(sha256: str, name: str) -> None:
        entry = {"file": served.name, "sha256": sha256, "name": name}
        manifest.write_text(json.dumps({"detector": entry}))

    old = put(detector_path, served)
    describe(old, "tiny")
    with (
        start_server("--address", "127.0.0.1:0", model=served) as running,
        Client(running.addresses[0]) as client,
    ):
        new = put(detector_variant(name="tiny-2"), served)
        running.process.send_signal(signal.SIGHUP)
        until(lambda: "served.onnx is damaged or another file" in log_of(running))
        assert client.server_info().model.sha256 == old
        describe(new, "tiny-2")
        running.process.send_signal(signal.SIGHUP)
        until(lambda: client.server_info().model.sha256 == new)


def test_codec_profiles_are_loaded_anew_too(
    detector_path: Path,
    start_server: Start,
    jpeg_profile_content: dict[str, Any],
    tmp_path: Path,
) -> None:
    (tmp_path / "jpeg.json").write_text(json.dumps(jpeg_profile_content))
    flags = ("--address", "127.0.0.1:0", "--profiles", str(tmp_path))
    with start_server(*flags) as running, Client(running.addresses[0]) as client:

        def codecs() -> set[str]:
            return {codec.name for codec in client.server_info().codecs}

        assert "mine" not in codecs()
        (tmp_path / "mine.json").write_text(json.dumps(jpeg_profile_content | {"name": "mine"}))
        running.process.send_signal(signal.SIGHUP)
        until(lambda: "mine" in codecs())
        (tmp_path / "mine.json").write_text("{")
        running.process.send_signal(signal.SIGHUP)
        until(lambda: "mine.json is not a readable JSON file" in log_of(running))
        assert "mine" in codecs()


class GatedEngine(Engine):
    """Answers through a real engine once the gate is open."""

    def __init__(self, engine: Engine) -> None:
        vars(self).update(vars(engine))
        self.begun, self.gate = threading.Event(), threading.Event()

    def analyze(self, request: AnalysisRequest, job: Job | None = None) -> Analysis:
        self.begun.set()
        assert self.gate.wait(30)
        return super().analyze(request, job)


async def test_a_call_in_flight_keeps_its_model_and_the_model_goes_with_it(
    detector_path: Path,
    detector_variant: Variant,
    profiles: dict[str, CodecProfile],
    engine: Engine,
    png: bytes,
    serving: Serving,
) -> None:
    gated = GatedEngine(Engine(Predictor(detector_path, threads=1), profiles))
    old, gate = gated.model.sha256, gated.gate
    fresh = Engine(Predictor(detector_variant(name="tiny-2"), threads=1), profiles)
    async with serving(engine, threads=2) as (server, address), AsyncClient(address) as client:
        server.install(gated)
        early = asyncio.create_task(client.analyze(png))
        assert await asyncio.to_thread(gated.begun.wait, 30)
        server.install(fresh)
        assert (await client.analyze(png)).model.sha256 == fresh.model.sha256
        assert (await client.server_info()).model.name == "tiny-2"
        assert not early.done()
        gate.set()
        assert (await early).model.sha256 == old
        left = weakref.ref(gated)
        del gated
        await client.analyze(png)
        gc.collect()
        assert left() is None


def scrape(said: str) -> str:
    """The server's metrics."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(said.split("metrics on ")[1].strip(), timeout=10) as answer:
        text: str = answer.read().decode()
    return text
