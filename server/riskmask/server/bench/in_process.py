"""The engine without a server, in a process of its own that can be held to the server's cores.

``python -m riskmask.server.bench.in_process FILE`` answers each line of its input with a line
of JSON: ``calls N`` with the seconds that each of N analyses took, ``seconds S`` with how many were
done in about S seconds, and in how many exactly.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from riskmask.server.bench.cores import pinned
from riskmask.server.engine.engine import Engine
from riskmask.server.engine.values import AnalysisRequest


class InProcess:
    """The engine as its caller sees it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def calls(self, number: int) -> list[float]:
        """Seconds that each of so many analyses took, one after the other."""
        return self._asked(f"calls {number}")

    def throughput(self, seconds: float) -> tuple[int, float]:
        """Analyses done one after the other in so many seconds, and in how many exactly."""
        done, taken = self._asked(f"seconds {seconds}")
        return int(done), taken

    def _asked(self, line: str) -> list[float]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the engine's process has left; what it said stands above")
        answer: list[float] = json.loads(line)
        return answer


@contextmanager
def running_engine(cores: frozenset[int], image: Path) -> Iterator[InProcess]:
    """An engine that analyses this file, in a process held to these cores."""
    with pinned(cores):
        process = subprocess.Popen(
            [sys.executable, "-m", "riskmask.server.bench.in_process", str(image)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    with process:
        try:
            yield InProcess(process)
        finally:
            process.kill()


def _analyses(engine: Engine, image: bytes) -> Iterator[float]:
    while True:
        begun = time.perf_counter()
        engine.analyze(AnalysisRequest(image))
        yield time.perf_counter() - begun


def main(image: Path) -> None:
    """Answers until its input ends."""
    engine = Engine.default()
    engine.warm()
    analyses = _analyses(engine, image.read_bytes())
    for line in sys.stdin:
        what, _, much = line.partition(" ")
        if what == "calls":
            print(json.dumps([next(analyses) for _ in range(int(much))]), flush=True)
            continue
        begun, done = time.perf_counter(), 0
        while (taken := time.perf_counter() - begun) < float(much):
            next(analyses)
            done += 1
        print(json.dumps([done, taken]), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
