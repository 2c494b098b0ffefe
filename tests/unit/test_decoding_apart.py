"""Decoding in another process: the same pictures and refusals, and a death costs one image."""

from __future__ import annotations

import fcntl
import io
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from riskmask.server.decoding.loss import Loss
from riskmask.server.decoding.memory import BYTES_PER_PIXEL, COPIES, memory_for
from riskmask.server.decoding.messages import BrokenAnswer, memory_file, read_answer
from riskmask.server.decoding.pool import DecodingPool
from riskmask.server.engine.decode import Limits, accepted_formats, decode
from riskmask.server.engine.errors import (
    AbandonedError,
    DecoderCrashedError,
    EngineError,
    ExpiredError,
)
from riskmask.server.engine.job import Job
from riskmask.server.errors import StartError

Encode = Callable[..., bytes]
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LIMITS = Limits()


@pytest.fixture
def losses() -> list[Loss]:
    return []


@pytest.fixture
def pool(losses: list[Loss]) -> Iterator[DecodingPool]:
    """One process."""
    pool = DecodingPool(1, LIMITS)
    pool.on_loss = losses.append
    pool.start()
    yield pool
    pool.close()


def pictures(encode: Encode, photograph: NDArray[np.uint8]) -> dict[str, bytes]:
    """One for each thing that decoding converts and notes, in each format."""
    rgb = Image.fromarray(photograph)
    turned = Image.Exif()
    turned[0x0112] = 6
    alpha = rgb.copy()
    alpha.putalpha(rgb.convert("L"))
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    moving = io.BytesIO()
    rgb.save(moving, "GIF", save_all=True, append_images=[rgb.rotate(180)])
    return {
        **{path.name: path.read_bytes() for path in EXAMPLES.glob("*.[jp][pn]g")},
        **{name: encode(rgb, name) for name in accepted_formats()},
        "turned": encode(rgb, "JPEG", exif=turned),
        "turned TIFF": encode(rgb, "TIFF", exif=turned),
        "CMYK": encode(rgb.convert("CMYK"), "JPEG"),
        "alpha": encode(alpha, "WEBP"),
        "16 bits": encode(Image.fromarray(photograph[..., 0].astype(np.uint16) * 257)),
        "another profile": encode(rgb, "PNG", icc_profile=lab),
        "moving": moving.getvalue(),
        "palette": encode(rgb.quantize(17)),
    }


def test_pixels_and_notes_are_those_of_decoding_here(
    pool: DecodingPool, encode: Encode, photograph: NDArray[np.uint8]
) -> None:
    notes: set[str] = set()
    for name, content in pictures(encode, photograph).items():
        apart, here = pool.decode(content, LIMITS, Job()), decode(content)
        assert apart.facts == here.facts, name
        assert apart.pixels.dtype == np.uint8
        np.testing.assert_array_equal(apart.pixels, here.pixels, err_msg=name)
        notes.update(apart.facts.notes)
    assert len(notes) >= 6


def test_refusals_are_those_of_decoding_here(
    pool: DecodingPool, png_claim: bytes, encode: Encode, photograph: NDArray[np.uint8]
) -> None:
    png = encode(photograph)
    small = Limits(max_pixels=96 * 64 - 1)
    for content, limits in (
        (b"", LIMITS),
        (b"%PDF-1.7 " * 100, LIMITS),
        (png[: len(png) // 2], LIMITS),
        (png_claim, LIMITS),
        (png, small),
        (png, Limits(max_bytes=len(png) - 1)),
    ):
        with pytest.raises(EngineError) as here:
            decode(content, limits)
        with pytest.raises(EngineError) as apart:
            pool.decode(content, limits, Job())
        assert (type(apart.value), str(apart.value)) == (type(here.value), str(here.value))


@pytest.fixture
def png_claim(encode: Encode) -> bytes:
    """Claims four billion pixels."""
    jpeg = encode(Image.new("RGB", (16, 16)), "JPEG")
    start = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:start] + struct.pack(">HH", 65535, 65535) + jpeg[start + 4 :]


@pytest.mark.parametrize(
    ("number", "kind", "loss"),
    [
        (signal.SIGSEGV, DecoderCrashedError, Loss.CRASHED),
        (signal.SIGABRT, DecoderCrashedError, Loss.CRASHED),
        (signal.SIGKILL, MemoryError, Loss.KILLED),
    ],
)
def test_a_process_that_dies_of_an_image_is_replaced(
    number: signal.Signals,
    kind: type[Exception],
    loss: Loss,
    pool: DecodingPool,
    losses: list[Loss],
    slow_jpeg: bytes,
    decoders_of: Callable[[int], list[int]],
    until_busy: Callable[[int], None],
) -> None:
    (before,) = decoders_of(os.getpid())
    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(pool.decode, slow_jpeg, LIMITS, Job())
        until_busy(before)
        os.kill(before, number)
        with pytest.raises(kind):
            asked.result(30)
    assert losses == [loss]
    assert pool.decode((EXAMPLES / "notice.png").read_bytes(), LIMITS, Job()).facts.width
    (after,) = decoders_of(os.getpid())
    assert after != before


def test_one_that_dies_while_idle_costs_nothing(
    pool: DecodingPool, losses: list[Loss], decoders_of: Callable[[int], list[int]]
) -> None:
    content = (EXAMPLES / "notice.png").read_bytes()
    for _ in range(2):
        (process,) = decoders_of(os.getpid())
        os.kill(process, signal.SIGKILL)
        assert pool.decode(content, LIMITS, Job()).facts.format == "PNG"
    assert losses == [Loss.IDLE] * 2


def test_a_signal_to_leave_is_the_server_s_to_heed(
    pool: DecodingPool, losses: list[Loss], decoders_of: Callable[[int], list[int]]
) -> None:
    (process,) = decoders_of(os.getpid())
    os.kill(process, signal.SIGTERM)
    content = (EXAMPLES / "notice.png").read_bytes()
    assert pool.decode(content, LIMITS, Job()).facts.format == "PNG"
    assert decoders_of(os.getpid()) == [process]
    assert losses == []


def test_an_answer_that_nobody_could_wait_for_is_not_given_to_the_next_image(
    pool: DecodingPool, losses: list[Loss], encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive, failed = socket.recv_fds, threading.Event()

    def first_without_memory(*arguments: Any) -> Any:
        if not failed.is_set():
            failed.set()
            raise MemoryError
        return receive(*arguments)

    monkeypatch.setattr(socket, "recv_fds", first_without_memory)
    with pytest.raises(MemoryError):
        pool.decode(encode(Image.new("L", (70, 9))), LIMITS, Job())
    assert pool.decode(encode(Image.new("L", (50, 9))), LIMITS, Job()).facts.width == 50
    assert losses == [Loss.CRASHED]


@pytest.mark.parametrize("gone", [False, True], ids=["late", "cancelled"])
def test_an_image_that_outlasts_its_caller_ends_with_its_process(
    gone: bool,
    pool: DecodingPool,
    losses: list[Loss],
    slow_jpeg: bytes,
    decoders_of: Callable[[int], list[int]],
    until_busy: Callable[[int], None],
) -> None:
    (before,) = decoders_of(os.getpid())
    job = Job() if gone else Job(0.5)
    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(pool.decode, slow_jpeg, LIMITS, job)
        if gone:
            until_busy(before)
            job.abandon()
        with pytest.raises(AbandonedError if gone else ExpiredError):
            asked.result(30)
    assert losses == [Loss.LATE]
    assert before not in decoders_of(os.getpid())
    assert pool.decode((EXAMPLES / "notice.png").read_bytes(), LIMITS, Job()).facts.width


def test_who_waits_for_a_process_waits_no_longer_than_allowed(
    pool: DecodingPool, slow_jpeg: bytes, decoders_of: Any, until_busy: Callable[[int], None]
) -> None:
    first = Job()
    with ThreadPoolExecutor(1) as thread:
        busy = thread.submit(pool.decode, slow_jpeg, LIMITS, first)
        until_busy(decoders_of(os.getpid())[0])
        with pytest.raises(ExpiredError):
            pool.decode(b"any", LIMITS, Job(0.1))
        first.abandon()
        with pytest.raises(AbandonedError):
            busy.result(30)


def test_what_takes_more_memory_than_allowed_is_a_lack_of_memory(
    encode: Encode, decoders_of: Callable[[int], list[int]]
) -> None:
    large = encode(Image.new("RGB", (4000, 4000), "teal"))
    pool = DecodingPool(1, LIMITS, memory=24 << 20)
    pool.start()
    try:
        (process,) = decoders_of(os.getpid())
        with pytest.raises(MemoryError):
            pool.decode(large, LIMITS, Job())
        assert pool.decode(encode(Image.new("L", (50, 9))), LIMITS, Job()).facts.width == 50
        assert decoders_of(os.getpid()) == [process]
    finally:
        pool.close()


@pytest.mark.slow
@pytest.mark.parametrize("options", [*accepted_formats(), "lossless"])
def test_the_memory_that_follows_from_the_limits_suffices(options: str, encode: Encode) -> None:
    side = 2400
    noise = np.random.default_rng(0).integers(0, 256, (side // 8, side // 8, 4)).astype(np.uint8)
    picture = Image.fromarray(noise).resize((side, side))
    content = {
        "JPEG": lambda: encode(picture.convert("CMYK"), "JPEG", progressive=True, subsampling=0),
        "AVIF": lambda: encode(picture, "AVIF", speed=10, subsampling="4:4:4"),
        "GIF": lambda: encode(picture.convert("RGB").quantize(64), "GIF"),
        "HEIF": lambda: encode(picture, "HEIF", chroma=444, enc_params={"preset": "ultrafast"}),
        "TIFF": lambda: encode(picture, "TIFF", compression="tiff_lzw"),
        "lossless": lambda: encode(picture, "WEBP", lossless=True, method=0, quality=0),
    }.get(options, lambda: encode(picture, options))()
    # the same without the part that does not grow, of which other formats need more
    memory = (32 << 20) + COPIES * len(content) + BYTES_PER_PIXEL * side * side
    pool = DecodingPool(1, LIMITS, memory)
    try:
        np.testing.assert_array_equal(
            pool.decode(content, LIMITS, Job()).pixels, decode(content).pixels
        )
    finally:
        pool.close()


def test_more_pixels_or_bytes_want_more_memory() -> None:
    assert memory_for(Limits(max_pixels=LIMITS.max_pixels + 10)) == memory_for(LIMITS) + 240
    assert memory_for(Limits(max_bytes=LIMITS.max_bytes + 10)) == memory_for(LIMITS) + 20


def test_closing_leaves_no_process_and_no_file(
    slow_jpeg: bytes, decoders_of: Callable[[int], list[int]]
) -> None:
    files = Path("/proc/self/fd")
    before = len(list(files.iterdir()))
    pool = DecodingPool(2, LIMITS)
    pool.start()
    assert len(decoders_of(os.getpid())) == 2
    content = (EXAMPLES / "notice.png").read_bytes()
    decoded = [pool.decode(content, LIMITS, Job()) for _ in range(3)]
    with pytest.raises(ExpiredError):
        pool.decode(slow_jpeg, LIMITS, Job(0.1))
    pool.close()
    assert decoders_of(os.getpid()) == []
    assert decoded[0].pixels.any()  # what was handed over stays
    del decoded
    assert len(list(files.iterdir())) == before


def test_a_process_that_cannot_start_is_a_start_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, decoders_of: Callable[[int], list[int]]
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(StartError, match=r"decode_processes: .* left with status 3"):
        DecodingPool(1, LIMITS).start()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    with pytest.raises(StartError, match="could not be started: No such file or directory"):
        DecodingPool(1, LIMITS).start()


FACTS = {"width": 2, "height": 2, "sha256": "", "format": "PNG", "notes": []}


@pytest.mark.parametrize(
    "changes",
    [{"width": 3}, {"height": -2, "width": -2}, {"width": "2"}, {"notes": 5}, {"more": 1}],
    ids=str,
)
def test_facts_that_do_not_fit_the_pixels_are_not_believed(changes: dict[str, Any]) -> None:
    pixels = memory_file(bytes(12))
    try:
        assert read_answer(json.dumps(FACTS).encode(), [pixels], LIMITS).facts.notes == ()
        with pytest.raises(BrokenAnswer):
            read_answer(json.dumps(FACTS | changes).encode(), [pixels], LIMITS)
        with pytest.raises(BrokenAnswer):
            read_answer(json.dumps(FACTS).encode(), [], LIMITS)
    finally:
        os.close(pixels)


def test_pixels_that_could_still_change_are_not_taken() -> None:
    pixels = os.memfd_create("open", os.MFD_ALLOW_SEALING)
    os.write(pixels, bytes(12))
    try:
        with pytest.raises(BrokenAnswer, match="sealed"):
            read_answer(json.dumps(FACTS).encode(), [pixels], LIMITS)
        fcntl.fcntl(pixels, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        with pytest.raises(BrokenAnswer, match="sealed"):
            read_answer(json.dumps(FACTS).encode(), [pixels], LIMITS)
    finally:
        os.close(pixels)


def test_it_ends_when_whoever_started_it_is_killed(
    decoders_of: Callable[[int], list[int]], slow_jpeg: bytes, tmp_path: Path
) -> None:
    (tmp_path / "slow.jpg").write_bytes(slow_jpeg)
    program = (
        "import os, threading\n"
        "from pathlib import Path\n"
        "from riskmask.server.decoding.pool import DecodingPool\n"
        "from riskmask.server.engine.decode import Limits\n"
        "from riskmask.server.engine.job import Job\n"
        "pool = DecodingPool(2, Limits())\n"
        "pool.start()\n"
        f"slow = Path({str(tmp_path / 'slow.jpg')!r}).read_bytes()\n"
        "threading.Thread(target=pool.decode, args=(slow, Limits(), Job())).start()\n"
        "print('started', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "started\n"
        processes = decoders_of(owner.pid)
        assert len(processes) == 2
        owner.kill()
    end = time.monotonic() + 30
    while any(Path(f"/proc/{each}").exists() and _runs(each) for each in processes):
        assert time.monotonic() < end, "they are still there"
        time.sleep(0.02)


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
