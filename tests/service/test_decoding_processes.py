"""A server that decodes in other processes: the same answers, and a death costs one request."""

from __future__ import annotations

import os
import re
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from riskmask.client import Client, DeadlineExceeded, InvalidImage, LimitExceeded
from riskmask.server.decoding.memory import memory_for
from riskmask.server.errors import StartError
from riskmask.server.settings import load_settings

Start = Callable[..., Any]
DecodersOf = Callable[[int], list[int]]
SERVES = re.compile(r"worker \d+ serves, process (\d+)")


def until(happened: Callable[[], object], seconds: float = 60) -> None:
    """Waits for something that processes do in their own time."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def runs(process: int) -> bool:
    """Whether it is there; one that has ended and that nobody has asked about yet is not."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.fixture(scope="module")
def apart(start_server: Start) -> Iterator[Any]:
    """A server with two threads and two decoding processes."""
    flags = ("--threads", "2", "--decode-processes", "2", "--metrics-port", "0")
    with start_server("--address", "127.0.0.1:0", *flags) as running:
        yield running


def replaced(running: Any) -> dict[str, float]:
    """The processes that were replaced, by why."""
    url = running.said.split("metrics on ")[1].split()[0]
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=60) as answer:
        text = answer.read().decode()
    found = re.findall(r'riskmask_decoder_restarts_total\{cause="(\w+)"\} (\S+)', text)
    assert len(found) == 4
    return {cause: float(count) for cause, count in found}


def test_answers_are_those_of_a_server_that_decodes_itself(
    apart: Any, server: Any, scene: Any, encode: Callable[..., bytes]
) -> None:
    with Client(apart.addresses[0]) as there, Client(server.addresses[0]) as here:
        for image in (
            encode(scene, "PNG"),
            encode(Image.fromarray(scene).convert("CMYK"), "JPEG"),
            encode(scene, "WEBP"),
        ):
            assert there.analyze(image, masks=["RISK"]) == here.analyze(image, masks=["RISK"])
        with pytest.raises(InvalidImage) as caught:
            there.analyze(b"no image")
        assert caught.value.reason == "UNSUPPORTED_FORMAT"


@pytest.mark.parametrize(
    ("number", "kind", "reason", "cause"),
    [
        (signal.SIGSEGV, InvalidImage, "DECODER_CRASHED", "crashed"),
        (signal.SIGKILL, LimitExceeded, "OUT_OF_MEMORY", "killed"),
    ],
)
def test_a_decoder_that_dies_costs_one_request(
    number: signal.Signals,
    kind: type[Exception],
    reason: str,
    cause: str,
    apart: Any,
    png: bytes,
    slow_jpeg: bytes,
    decoders_of: DecodersOf,
) -> None:
    before = replaced(apart)
    with Client(apart.addresses[0], timeout=120) as client, ThreadPoolExecutor(1) as caller:
        client.analyze(png)
        worked = {each: _worked(each) for each in decoders_of(apart.process.pid)}
        held = caller.submit(client.analyze, slow_jpeg)
        until(lambda: any(_worked(each) > worked[each] + 10 for each in worked))
        victim = max(worked, key=lambda each: _worked(each) - worked[each])
        assert client.analyze(png).image.width == 160  # by the other one
        os.kill(victim, number)
        with pytest.raises(kind) as caught:
            held.result(60)
        assert caught.value.reason == reason  # type: ignore[attr-defined]
        assert client.analyze(png).image.width == 160
    assert replaced(apart) == before | {cause: before[cause] + 1}
    until(lambda: len(decoders_of(apart.process.pid)) == 2)
    assert victim not in decoders_of(apart.process.pid)


def _worked(process: int) -> int:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.parametrize("call", ["analyze", "verify"])
def test_a_decode_beyond_the_deadline_ends_with_its_process(
    call: str, apart: Any, png: bytes, slow_jpeg: bytes
) -> None:
    before = replaced(apart)
    with Client(apart.addresses[0]) as client:
        for _ in range(2):  # both processes are ready
            client.analyze(png)
        ask = client.analyze if call == "analyze" else partial(client.verify, slow_jpeg)
        with pytest.raises(DeadlineExceeded):
            ask(slow_jpeg, timeout=1)
        until(lambda: replaced(apart) == before | {"late": before["late"] + 1})
        assert client.analyze(png).image.width == 160


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_whatever_ends_the_server_ends_its_decoders(
    number: signal.Signals, start_server: Start, slow_jpeg: bytes, decoders_of: DecodersOf
) -> None:
    flags = ("--decode-processes", "2", "--drain-seconds", "0")
    with (
        start_server("--address", "127.0.0.1:0", *flags) as running,
        Client(running.addresses[0], timeout=60) as client,
        ThreadPoolExecutor(1) as caller,
    ):
        decoders = decoders_of(running.process.pid)
        assert len(decoders) == 2
        held = caller.submit(client.analyze, slow_jpeg)
        until(lambda: any(_worked(each) > 100 for each in decoders if runs(each)) or held.done())
        running.process.send_signal(number)
        running.process.wait(60)
        until(lambda: not any(map(runs, decoders)))
        assert held.exception(60) is not None


@pytest.mark.slow
def test_each_worker_has_decoders_of_its_own(
    start_server: Start, png: bytes, decoders_of: DecodersOf
) -> None:
    flags = ("--address", "127.0.0.1:0", "--workers", "2", "--decode-processes", "1")
    with start_server(*flags) as running, Client(running.addresses[0]) as client:
        assert client.analyze(png).image.width == 160
        workers = list(map(int, SERVES.findall(running.log.read_text())))
        decoders = [each for worker in workers for each in decoders_of(worker)]
        assert len(workers) == len(decoders) == 2
        # a worker that is killed takes its decoder with it, and the next one has its own
        os.kill(workers[0], signal.SIGKILL)
        until(lambda: not runs(decoders[0]))
        until(lambda: len(SERVES.findall(running.log.read_text())) == 3)
        (latest,) = {*map(int, SERVES.findall(running.log.read_text()))} - {*workers}
        decoders.extend(decoders_of(latest))
        running.process.terminate()
        assert running.process.wait(60) == 0
        assert len(decoders) == 3
        until(lambda: not any(map(runs, decoders)))


def test_memory_follows_from_the_limits_and_must_suffice_for_them() -> None:
    settings = load_settings(decode_processes=1, max_image_pixels=1_000_000)
    needed = memory_for(settings.limits)
    enough = load_settings(
        decode_processes=1, max_image_pixels=1_000_000, decode_memory_bytes=needed
    )
    assert enough.decode_memory_bytes == needed
    with pytest.raises(StartError, match=f"decode_memory_bytes: .* 1000000, may take {needed}"):
        load_settings(
            decode_processes=1, max_image_pixels=1_000_000, decode_memory_bytes=needed - 1
        )
    with pytest.raises(StartError, match="decode_memory_bytes: needs decode_processes"):
        load_settings(decode_memory_bytes=needed)
    with pytest.raises(StartError, match=r"decode_processes: .*less than or equal to 256"):
        load_settings(decode_processes=257)


def test_a_platform_without_memory_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    assert load_settings().decode_processes == 0
    with pytest.raises(StartError, match="decode_processes: needs Linux"):
        load_settings(decode_processes=1)


def test_images_are_not_written_to_disk(
    apart: Any, encode: Callable[..., bytes], decoders_of: DecodersOf
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3)).astype(np.uint8)
    with Client(apart.addresses[0]) as client:
        assert client.analyze(encode(noise)).image.width == 600
    for decoder in decoders_of(apart.process.pid):
        held = [each.readlink() for each in Path(f"/proc/{decoder}/fd").iterdir()]
        files = [path for path in held if path.is_absolute() and path.is_file()]
        assert set(files) <= {apart.log}
        # a core file would hold the image
        limits = Path(f"/proc/{decoder}/limits").read_text()
        assert re.search(r"Max core file size +0 +0 ", limits)
        assert re.search(r"Max address space +\d+ +\d+ ", limits)
