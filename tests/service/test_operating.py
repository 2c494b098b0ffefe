"""What an operator relies on: a check before a start, readiness, metrics and a log."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from riskmask.client import AsyncClient, Client, InvalidImage
from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.app import Server
from riskmask.server.engine.engine import Engine
from riskmask.server.record import Record
from riskmask.server.settings import load_settings
from riskmask.v1 import riskmask_pb2 as pb
from riskmask.v1 import riskmask_pb2_grpc as pb_grpc

Serving = Callable[..., Any]
Status = health_pb2.HealthCheckResponse


class SlowStart:
    """A real predictor that warms up behind a gate."""

    def __init__(self, inner: Predictor) -> None:
        self.name, self.sha256, self.inner = inner.name, inner.sha256, inner
        self.gate, self.asked = threading.Event(), threading.Event()
        self.is_warm = False

    def predict(self, image: Any, before_tile: Callable[[], None], priority: int) -> Prediction:
        return self.inner.predict(image, before_tile, priority)

    def warm(self) -> None:
        self.asked.set()
        assert self.gate.wait(30)
        self.inner.warm()
        self.is_warm = True


async def test_health_is_serving_only_once_the_model_is_warm(
    predictor: Predictor, profiles: dict[str, CodecProfile]
) -> None:
    slow = SlowStart(predictor)
    server = Server(Engine(slow, profiles), load_settings(address=("127.0.0.1:0",)))
    starting = asyncio.create_task(server.start())
    assert await asyncio.to_thread(slow.asked.wait, 30)
    async with grpc.aio.insecure_channel(str(server.bound[0])) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        watch = health.Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == Status.NOT_SERVING
        slow.gate.set()
        assert (await watch.read()).status == Status.SERVING
        assert slow.is_warm
        watch.cancel()
    await starting
    await server.stop(drain_seconds=0)


def run_check(*flags: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "riskmask.client", "serve", "--check"]
    return subprocess.run(
        [*command, *map(str, flags)], capture_output=True, text=True, timeout=120, check=False
    )


def test_a_check_says_what_would_be_served_and_leaves(
    detector_path: Path, profiles_folder: Path, tmp_path: Path
) -> None:
    config = tmp_path / "riskmask.toml"
    lines = [f'model = "{detector_path}"', f'profiles = "{profiles_folder}"', "model_threads = 1"]
    config.write_text("\n".join([*lines, 'address = ["127.0.0.1:50999"]']))
    done = run_check("--config", config)
    assert done.returncode == 0, done.stderr
    assert "model tiny" in done.stdout
    assert "would listen on 127.0.0.1:50999" in done.stdout
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    refused = run_check("--config", config, "--model", broken)
    assert refused.returncode == 2
    assert "is not an ONNX model" in refused.stderr


async def test_each_request_is_one_line_of_json(
    engine: Engine, png: bytes, serving: Serving, lines: list[str]
) -> None:
    async with serving(engine) as (_, address), AsyncClient(address) as client:
        await client.analyze(png, bpp=0.03, priority="batch")
        with pytest.raises(InvalidImage):
            await client.analyze(b"no image")
        await client.server_info()
    good, bad, info = (json.loads(line) for line in lines)
    assert good["method"] == "Analyze"
    assert good["reason"] == "OK"
    assert good["priority"] == "batch"
    assert (good["width"], good["height"]) == (160, 96)
    assert good["image_bytes"] >= len(png)
    assert good["decision"] in ("RAISE_RATE", "FALLBACK_JPEG")
    assert set(good["stages"]) == {"queue", "decode", "predict", "post-process"}
    assert bad["reason"] == "UNSUPPORTED_FORMAT"
    assert "width" not in bad
    assert info["method"] == "GetServerInfo"


async def test_what_a_caller_writes_reaches_the_log_escaped(
    engine: Engine, png: bytes, serving: Serving, lines: list[str]
) -> None:
    evil = '"}\n{"reason": "forged\x1b[2J\u2028\x7f'
    request = pb.AnalyzeRequest(image=pb.Image(encoded=png), codec=evil)
    item = pb.AnalyzeStreamRequest(request_id=evil * 30, request=request)
    async with (
        serving(engine) as (_, address),
        grpc.aio.insecure_channel(address) as channel,
    ):
        stub: Any = pb_grpc.RiskServiceStub(channel)  # type: ignore[arg-type]
        answers = [answer async for answer in stub.AnalyzeStream(iter([item]), timeout=60)]
    assert answers[0].status.reason == "UNKNOWN_CODEC"
    (line,) = lines
    assert line.isascii()
    assert line.isprintable()
    content = json.loads(line)
    assert content["reason"] == "UNKNOWN_CODEC"
    assert content["request_id"] == (evil * 30)[:64]


def test_metrics_count_stages_outcomes_and_name_the_model(
    start_server: Callable[..., Any], png: bytes
) -> None:
    flags = ("--address", "127.0.0.1:0", "--metrics-port", "0")
    with start_server(*flags) as running, Client(running.addresses[0]) as client:
        client.analyze(png)
        with pytest.raises(InvalidImage):
            client.analyze(b"no image")
        url = running.said.split("metrics on ")[1].strip()
        assert url.startswith("http://127.0.0.1:")
        text = scrape(url)
    assert 'riskmask_requests_total{method="Analyze",reason="OK"} 1.0' in text
    assert 'riskmask_requests_total{method="Analyze",reason="UNSUPPORTED_FORMAT"} 1.0' in text
    # the second image waited and was opened; no further
    for stage, times in (("queue", 2.0), ("decode", 2.0), ("predict", 1.0), ("post-process", 1.0)):
        assert f'riskmask_stage_seconds_count{{stage="{stage}"}} {times}' in text
    assert 'riskmask_queue_depth{priority="live"} 0.0' in text
    assert 'riskmask_queue_depth{priority="batch"} 0.0' in text
    assert "riskmask_running 0.0" in text
    assert 'model="tiny"' in text


def scrape(url: str) -> str:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=60) as answer:
        text: str = answer.read().decode()
    return text


def test_metrics_are_on_loopback_unless_told_otherwise(start_server: Callable[..., Any]) -> None:
    flags = ("--address", "127.0.0.1:0", "--metrics-port", "0")
    # the whole of 127/8 is this machine, so the second address stands for any other than loopback
    with start_server(*flags) as running:
        url = running.said.split("metrics on ")[1].strip()
        with pytest.raises(urllib.error.URLError, match="refused"):
            scrape(url.replace("127.0.0.1", "127.0.0.2"))
    with start_server(*flags, "--metrics-address", "0.0.0.0") as running:
        url = running.said.split("metrics on ")[1].strip()
        assert url.startswith("http://0.0.0.0:")
        assert "riskmask_running 0.0" in scrape(url.replace("0.0.0.0", "127.0.0.2"))


def test_a_record_of_nothing_is_a_line_too(lines: list[str]) -> None:
    Record("Analyze", "ipv4:127.0.0.1:1").write()
    assert json.loads(lines[0])["reason"] == "OK"
