"""A real server in a process of its own, on real sockets."""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from riskmask.client._channel import Connection
from riskmask.client._local import LocalTransport
from riskmask.client._remote import RemoteTransport
from riskmask.client._transport import Transport
from riskmask.server.app import Server
from riskmask.server.engine.engine import Engine
from riskmask.server.record import requests
from riskmask.server.settings import ServerSettings, load_settings

COMMAND = (sys.executable, "-m", "riskmask.client", "serve")

Start = Callable[..., Any]


@dataclass(frozen=True)
class RunningServer:
    """A server process and where it listens; what it logs is in a file."""

    process: subprocess.Popen[str]
    addresses: tuple[str, ...]
    said: str
    log: Path


@pytest.fixture(scope="session")
def socket_folder() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's name: the kernel allows 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="riskmask-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def start_server(
    detector_path: Path, profiles_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Start:
    """Runs ``riskmask serve`` with these flags while the context lasts."""

    @contextmanager
    def start(*flags: str, model: Path = detector_path) -> Iterator[RunningServer]:
        files = ("--model", str(model), "--profiles", str(profiles_folder))
        # a file and no pipe: many requests would fill that and stop the server
        log = tmp_path_factory.mktemp("log") / "server.log"
        with log.open("w") as errors:
            process = subprocess.Popen(
                [*COMMAND, *files, "--model-threads", "1", *flags],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        try:
            assert process.stdout is not None
            wanted = max(1, sum(flag in ("--address", "--socket") for flag in flags))
            wanted += "--metrics-port" in flags
            said = [process.stdout.readline() for _ in range(wanted)]
            addresses = tuple(
                line.removeprefix("listening on ").strip()
                for line in said
                if not line.startswith("metrics on ")
            )
            if not all(addresses):
                process.communicate(timeout=20)
                pytest.fail(f"the server did not start: {log.read_text()}")
            yield RunningServer(process, addresses, "".join(said), log)
        finally:
            process.terminate()
            process.communicate(timeout=30)

    return start


@pytest.fixture(scope="session")
def server(start_server: Start, socket_folder: Path) -> Iterator[RunningServer]:
    """One server on a free TCP port and on a Unix socket."""
    with start_server(
        "--address", "127.0.0.1:0", "--socket", str(socket_folder / "shared.sock")
    ) as running:
        yield running


@pytest.fixture(scope="session")
def scene() -> NDArray[np.uint8]:
    """(96, 160, 3) uint8: a red text, a blue symbol and a green face on grey."""
    pixels = np.full((96, 160, 3), 128, np.uint8)
    pixels[16:40, 16:80] = (255, 0, 0)
    pixels[56:80, 24:48] = (0, 0, 255)
    pixels[48:80, 96:136] = (0, 255, 0)
    return pixels


@pytest.fixture(scope="session")
def png(scene: NDArray[np.uint8], encode: Callable[..., bytes]) -> bytes:
    """The scene as a PNG."""
    return encode(scene, "PNG")


@pytest.fixture
def serving() -> Callable[..., Any]:
    """Serves an engine from the test's own event loop, on a free TCP port."""

    @asynccontextmanager
    async def serve(engine: Engine, **settings: Any) -> AsyncIterator[tuple[Server, str]]:
        server = Server(engine, load_settings(address=("127.0.0.1:0",), **settings))
        await server.start()
        try:
            yield server, str(server.bound[0])
        finally:
            await server.stop(drain_seconds=0)

    return serve


@pytest.fixture(scope="session")
def memory_at_most() -> Callable[[ServerSettings], float]:
    """Bytes that a server of these settings takes when every place is taken by the largest message.

    A call that waits was measured to take two and a half times its message, a server that works on
    an image of 25 megapixels 0.5 GB.
    """

    def needed(settings: ServerSettings) -> float:
        streamed = settings.max_streams * (settings.stream_places + 1)
        waiting = settings.threads + settings.queue + streamed
        return 2.5 * waiting * settings.max_message_bytes + 0.5e9

    return needed


@pytest.fixture(scope="module")
def transports(
    server: Any, detector_path: Path, profiles_folder: Path
) -> Iterator[dict[str, Transport]]:
    """The same engine by TCP, by Unix socket and in this process."""
    tcp, unix = server.addresses
    ways: dict[str, Transport] = {
        "tcp": RemoteTransport(Connection(tcp)),
        "unix": RemoteTransport(Connection(unix)),
        "local": LocalTransport(detector_path, profiles_folder),
    }
    yield ways
    for way in ways.values():
        way.close()


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """The request log while the test runs."""
    written: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(record.getMessage())

    keep = Keep()
    level = requests.level
    requests.addHandler(keep)
    requests.setLevel(logging.INFO)
    yield written
    requests.removeHandler(keep)
    requests.setLevel(level)
