"""A server process that ends with whoever measures it, however that one ends.

``python -m riskmask.server.bench.bound PARENT FLAGS...`` becomes ``riskmask serve FLAGS...``, which
the kernel tells to leave as soon as its parent is gone (Linux; elsewhere nobody does).
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

LEAVE_SECONDS: Final = 120.0
PR_SET_PDEATHSIG: Final = 1  # prctl(2), linux/prctl.h


@contextmanager
def bound_server(flags: Sequence[str], log: Path) -> Iterator[subprocess.Popen[str]]:
    """``riskmask serve`` with these flags while the context lasts, told to leave at its end.

    SIGTERM ends the context as SIGINT does, by an exception. A measurer that is killed has no time
    for that: then the kernel tells the server. Use it from the main thread, since the kernel counts
    the death of the thread that started the server.

    Its options are the flags given; what the environment says of riskmask does not count.

    Args:
        flags: of ``riskmask serve``.
        log: file that gets its standard error.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RISKMASK_")}
    command = [sys.executable, "-m", "riskmask.server.bench.bound", str(os.getpid()), *flags]
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        with log.open("w", encoding="utf-8") as errors:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
            )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.communicate(timeout=LEAVE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)  # what a shell says of a process that a signal ended


def end_with_parent(parent: int) -> None:
    """Has the kernel send this process SIGTERM when its parent dies; also after an exec.

    Args:
        parent: its id; where it has died already this process leaves.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl refuses to bind this process to its parent")
    if os.getppid() != parent:
        sys.exit("whoever started this server has left already")


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    os.execv(sys.executable, [sys.executable, "-m", "riskmask.client", "serve", *sys.argv[2:]])
