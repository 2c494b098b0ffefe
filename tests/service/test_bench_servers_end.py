"""The server that a bench starts ends with the bench, however that one ends."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
LONGEST = 60.0  # seconds that anything is waited for

# As the benches use it: from within an event loop, which a signal has to get out of.
BENCH = """
import asyncio, sys
from riskmask.server.bench.cores import own_cores
from riskmask.server.bench.service import running_service
async def measure():
    flags = ("--model", sys.argv[1], "--profiles", sys.argv[2], "--model-threads", "1")
    with running_service(own_cores(), *flags) as service:
        print(service.process.pid, service.address, flush=True)
        await asyncio.Event().wait()
asyncio.run(measure())
"""


@contextmanager
def watched(process: int) -> Iterator[Callable[[], None]]:
    """Waits until a process has ended, be it this one's child or not."""
    handle = os.pidfd_open(process)

    def wait() -> None:
        readable, _, _ = select.select([handle], [], [], LONGEST)
        assert readable, f"process {process} is still there"

    try:
        yield wait
    finally:
        os.close(handle)


@pytest.fixture
def bench(detector_path: Path, profiles_folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", BENCH, str(detector_path), str(profiles_folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_bench_that_is_ended_leaves_no_server_behind(
    bench: subprocess.Popen[str], number: signal.Signals
) -> None:
    assert bench.stdout is not None
    server, address = bench.stdout.readline().split()
    folder = Path(address.removeprefix("unix:")).parent
    with watched(int(server)) as until_gone:
        bench.send_signal(number)
        status = bench.wait(LONGEST)
        until_gone()
    if number is signal.SIGKILL:
        assert not (folder / "bench.sock").exists()  # the server was told to leave, not killed
        shutil.rmtree(folder)  # nobody else does
    assert status == (128 + number if number is signal.SIGTERM else -number)
    assert not folder.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("-m", "riskmask.server.bench.soak"),
        ("-m", "riskmask.server.bench.load"),
        (str(TESTS / "fuzz"),),
    ],
    ids=["soak", "load", "fuzz"],
)
def test_none_of_the_benches_leaves_its_server_behind(
    command: tuple[str, ...], children_of: Callable[..., list[int]]
) -> None:
    with tempfile.TemporaryDirectory(prefix="riskmask-") as folder:
        running = subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": folder},
        )
        try:
            end = time.monotonic() + LONGEST
            while not (found := children_of(running.pid, "riskmask.client\x00serve")):
                assert running.poll() is None
                assert time.monotonic() < end
                time.sleep(0.02)
            with watched(found[0]) as until_gone:
                running.kill()
                until_gone()
        finally:
            running.kill()
            running.wait()


def test_a_server_whose_starter_has_left_already_does_not_start() -> None:
    command = [sys.executable, "-m", "riskmask.server.bench.bound", str(os.getppid()), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
    assert done.returncode == 1
    assert "has left already" in done.stderr
