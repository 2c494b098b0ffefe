"""Several processes behind one port: they share the calls, are replaced, and leave together."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from riskmask.client import Client
from riskmask.server.addresses import Address, check_port_is_free, parse_address, shared_ports
from riskmask.server.errors import StartError
from riskmask.server.settings import load_settings
from riskmask.server.supervisor import SETTLED, Supervisor
from riskmask.server.worker_process import WorkerProcess
from riskmask.v1 import riskmask_pb2 as pb
from riskmask.v1 import riskmask_pb2_grpc as pb_grpc

Start = Callable[..., Any]
SERVES = re.compile(r"worker (\d+) serves, process (\d+)")


def until(happened: Callable[[], object], seconds: float = 120) -> None:
    """Waits for something that a server does in its own time."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def pids(running: Any) -> dict[int, int]:
    """The latest process of each worker, from the log."""
    return {int(number): int(pid) for number, pid in SERVES.findall(running.log.read_text())}


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def call_anew(address: str, png: bytes) -> str:
    """One analysis over a connection of its own; the hash of the model that answered."""
    # otherwise all channels of a process to one address share one connection
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(address, options) as channel:
        stub: Any = pb_grpc.RiskServiceStub(channel)
        request = pb.AnalyzeRequest(image=pb.Image(encoded=png))
        sha256: str = stub.Analyze(request, timeout=60).analysis.model.sha256
    return sha256


def scrape(url: str) -> str:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=30) as answer:
        text: str = answer.read().decode()
    return text


def metrics_of(running: Any, workers: int) -> list[str]:
    """Where each worker's metrics are."""
    said = running.said + "".join(running.process.stdout.readline() for _ in range(workers - 1))
    urls = re.findall(r"metrics on (\S+)", said)
    assert len(urls) == workers
    return urls


def has_answered(url: str) -> bool:
    return 'riskmask_requests_total{method="Analyze",reason="OK"}' in scrape(url)


@contextmanager
def two_workers(start_server: Start, *flags: str, **options: Any) -> Iterator[Any]:
    with start_server("--address", "127.0.0.1:0", "--workers", "2", *flags, **options) as running:
        yield running


@pytest.fixture
def served(detector_path: Path, tmp_path: Path) -> Path:
    """The tiny detector as a file that a test may exchange."""
    path = tmp_path / "served.onnx"
    shutil.copy(detector_path, path)
    return path


def test_all_workers_answer_on_one_port_and_reload_together(
    start_server: Start, served: Path, detector_variant: Callable[..., Path], png: bytes
) -> None:
    with two_workers(start_server, "--metrics-port", "0", model=served) as running:
        address = running.addresses[0]
        urls = metrics_of(running, workers=2)
        # the kernel deals connections out by a hash of their ports
        until(lambda: call_anew(address, png) and all(map(has_answered, urls)))
        detector_variant(name="tiny-2").replace(served)
        new = hashlib.sha256(served.read_bytes()).hexdigest()
        running.process.send_signal(signal.SIGHUP)
        until(lambda: all(f'model_sha256="{new}"' in scrape(url) for url in urls))
        assert {call_anew(address, png) for _ in range(8)} == {new}


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_while_the_service_goes_on(
    start_server: Start, served: Path, png: bytes
) -> None:
    good = served.read_bytes()
    with two_workers(start_server, model=served) as running:
        address = running.addresses[0]
        before = pids(running)
        assert len(set(before.values())) == 2
        # with a file that cannot be loaded, the one that is left serves on
        served.write_bytes(b"no model")
        os.kill(before[0], signal.SIGKILL)
        until(lambda: "worker 0 ended by SIGKILL; another one in" in running.log.read_text())
        for _ in range(4):
            call_anew(address, png)
        until(lambda: "served.onnx is not an ONNX model" in running.log.read_text())
        call_anew(address, png)
        served.write_bytes(good)
        until(lambda: pids(running)[0] != before[0])
        after = pids(running)
        assert after[1] == before[1]
        assert all(map(is_there, after.values()))
        os.kill(after[1], signal.SIGKILL)
        until(lambda: not is_there(after[1]))
        call_anew(address, png)  # answered by the new one
        until(lambda: pids(running)[1] != after[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_of_them_once_their_calls_are_over(
    start_server: Start,
    paint: Callable[..., Any],
    encode: Callable[..., bytes],
    number: signal.Signals,
) -> None:
    large = encode(paint(2400, 1800, {(100, 100, 900, 900): (255, 0, 0)}))
    with (
        two_workers(start_server, "--metrics-port", "0", "--drain-seconds", "120") as running,
        ThreadPoolExecutor(1) as caller,
    ):
        urls = metrics_of(running, workers=2)
        call = caller.submit(call_anew, running.addresses[0], large)
        until(lambda: any("riskmask_running 1.0" in scrape(url) for url in urls))
        running.process.send_signal(number)
        assert running.process.wait(timeout=150) == 0
        assert len(call.result(timeout=1)) == 64
        assert not any(map(is_there, pids(running).values()))
        check_port_is_free(parse_address(running.addresses[0]))


@pytest.mark.slow
def test_workers_leave_when_their_supervisor_is_killed(start_server: Start) -> None:
    with two_workers(start_server) as running:
        running.process.kill()
        until(lambda: not any(map(is_there, pids(running).values())))


@pytest.mark.slow
def test_where_no_worker_is_left_and_none_can_start_it_ends(
    start_server: Start, served: Path
) -> None:
    with two_workers(start_server, model=served) as running:
        served.write_bytes(b"no model")
        for pid in pids(running).values():
            os.kill(pid, signal.SIGKILL)
        assert running.process.wait(timeout=120) == 2
        assert "riskmask: served.onnx is not an ONNX model" in running.log.read_text()


def test_a_start_that_fails_says_why_and_leaves_nothing(
    profiles_folder: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    flags = ["--workers", "2", "--address", "127.0.0.1:0", "--model", str(broken)]
    done = subprocess.run(
        [sys.executable, "-m", "riskmask.client", "serve", *flags],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "riskmask: broken.onnx is not an ONNX model" in done.stderr
    assert done.stdout == ""


def test_each_worker_has_a_unix_socket_of_its_own(
    start_server: Start, socket_folder: Path, png: bytes
) -> None:
    sockets = str(socket_folder / "each-{worker}.sock")
    with start_server("--workers", "2", "--socket", sockets) as running:
        said = (*running.addresses, running.process.stdout.readline().split()[-1])
        assert said == tuple(f"unix:{sockets}".replace("{worker}", each) for each in "01")
        for address in said:
            with Client(address) as client:
                assert client.analyze(png).image.width == 160


def test_a_unix_socket_for_several_workers_is_refused() -> None:
    with pytest.raises(StartError, match=r"belongs to one process; put \{worker\} into its name"):
        load_settings(workers=2, address=("unix:/run/a.sock",))


def test_a_worker_gets_its_share() -> None:
    settings = load_settings(workers=4, address=("unix:/run/{worker}.sock",), metrics_port=9000)
    own = settings.for_worker(3)
    assert own.address == ("unix:/run/3.sock",)
    assert own.metrics_port == 9003
    assert own.model_threads == max(1, settings.model_threads // 4)
    assert load_settings(workers=4, model_threads=3).for_worker(1).model_threads == 3
    assert load_settings(workers=4, metrics_port=0).for_worker(1).metrics_port == 0
    with pytest.raises(StartError, match="4 workers need as many ports"):
        load_settings(workers=4, metrics_port=65_533)


def test_a_shared_port_is_nobody_else_s() -> None:
    with shared_ports([Address("127.0.0.1", 0)]) as (address,):
        assert address.port > 0
        with pytest.raises(StartError, match="in use"):
            check_port_is_free(address)
        with pytest.raises(StartError, match="in use"), shared_ports([address]):
            pass
    check_port_is_free(address)


async def test_a_worker_for_which_there_is_no_process_is_a_start_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-interpreter"))
    with pytest.raises(StartError, match="cannot be started: No such file"):
        await WorkerProcess.start(0, load_settings(address=("127.0.0.1:0",)))


async def test_a_worker_that_keeps_leaving_is_replaced_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The delay doubles up to its longest; a worker that served for a while counts as the first."""
    clock = 0.0
    lives = [1.0] * 8 + [SETTLED + 1] + [1.0] * 2
    delays: list[float] = []
    supervisor = Supervisor(load_settings(address=("127.0.0.1:0",)), lambda _: None)

    async def live(_: int) -> str:
        nonlocal clock
        clock += lives[len(delays)]
        return "was killed"

    async def pause(seconds: float) -> None:
        delays.append(seconds)
        if len(delays) == len(lives):
            supervisor._stopping.set()

    monkeypatch.setattr(supervisor, "_live", live)
    monkeypatch.setattr(supervisor, "_pause", pause)
    monkeypatch.setattr("riskmask.server.supervisor.time.monotonic", lambda: clock)
    await supervisor._keep(0)
    assert delays == [0.5, 1, 2, 4, 8, 16, 30, 30, 0.5, 1, 2]


async def test_a_worker_that_does_not_leave_in_time_is_ended_and_told_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It gets SIGKILL, and the exit status is 1."""
    monkeypatch.setattr("riskmask.server.supervisor.LEAVE_SECONDS", 0.2)
    settings = load_settings(address=("127.0.0.1:0",), workers=2, drain_seconds=0.1)
    served = asyncio.Event()
    with shared_ports(settings.addresses) as addresses:
        bound = settings.model_copy(update={"address": tuple(map(str, addresses))})
        supervisor = Supervisor(bound, lambda _: served.set())
        with caplog.at_level(logging.INFO):
            running = asyncio.create_task(supervisor.run())
            async with asyncio.timeout(120):
                await served.wait()
                worker = supervisor._workers[0]
                os.kill(worker.pid, signal.SIGSTOP)  # hangs, whatever it is told
                os.kill(os.getpid(), signal.SIGTERM)
                assert await running == 1
    assert "did not leave within" in caplog.text
    until(lambda: not is_there(worker.pid), 30)
