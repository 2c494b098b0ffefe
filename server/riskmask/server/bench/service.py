"""A server process as an operator starts it: on a Unix socket, held to its cores."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from riskmask.server.bench.bound import LEAVE_SECONDS, bound_server
from riskmask.server.bench.cores import pinned

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Service:
    """One server that runs.

    Attributes:
        address: ``unix:PATH``.
        process: of the server.
        log: what it wrote to standard error.
        metrics: URL of its metrics.
    """

    address: str
    process: subprocess.Popen[str]
    log: Path
    metrics: str

    def resident_bytes(self) -> int:
        """Memory of the process that is in RAM now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        found = re.search(r"^VmRSS:\s+(\d+) kB$", status, flags=re.MULTILINE)
        if found is None:
            raise RuntimeError("the server has left before its memory was read")
        return int(found[1]) * 1024

    def metric(self, name: str) -> float:
        """Sum over the labels of one metric, as it is now.

        Raises:
            RuntimeError: the server has none of that name.
        """
        with OPENER.open(self.metrics, timeout=30) as answer:
            text: str = answer.read().decode()
        values = re.findall(
            rf"^{re.escape(name)}(?:\{{[^}}]*\}})? (\S+)$", text, flags=re.MULTILINE
        )
        if not values:
            raise RuntimeError(f"the server has no metric {name}")
        return sum(map(float, values))

    def stop(self) -> int:
        """Tells it to drain and leave; its exit status once it has."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=LEAVE_SECONDS)

    def request_lines(self) -> list[dict[str, Any]]:
        """The lines of its request log, in the order in which the requests were over."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@contextmanager
def running_service(cores: frozenset[int], *flags: str) -> Iterator[Service]:
    """A server over the packaged model, which serves while the context lasts.

    It ends with this process, however that one ends.

    Args:
        cores: that the process may use.
        flags: further ones of ``riskmask serve``.

    Raises:
        RuntimeError: it did not start; the message holds its last words.
    """
    # a socket's path may have 107 bytes, so it lies in a folder with a short name
    with tempfile.TemporaryDirectory(prefix="riskmask-") as folder:
        address, log = f"unix:{folder}/bench.sock", Path(folder, "server.log")
        own = ("--address", address, "--metrics-port", "0", *flags)
        with ExitStack() as ending:
            with pinned(cores):
                process = ending.enter_context(bound_server(own, log))
            assert process.stdout is not None
            said = [process.stdout.readline() for _ in range(2)]
            if not all(said):
                raise RuntimeError(f"the server did not start: {log.read_text(encoding='utf-8')}")
            yield Service(address, process, log, said[1].removeprefix("metrics on ").strip())
