"""``python -m riskmask.server.decoding.worker DESCRIPTOR BYTES``: decodes what a server sends.

The server starts it (``process.py``) and speaks to it over the socket of that descriptor as
``messages.py`` says. Its standard input says nothing: it ends when the server does.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import select
import signal
import socket
import sys

from PIL import AvifImagePlugin

from riskmask.server.decoding.memory import hold_to
from riskmask.server.decoding.messages import (
    LONGEST,
    READY,
    TAKEN,
    memory_file,
    read_limits,
    write_facts,
    write_failure,
)
from riskmask.server.engine.decode import accepted_formats, decode
from riskmask.server.engine.errors import EngineError

log = logging.getLogger(__name__)


def main(descriptor: int, memory: int) -> int:
    """Answers until the other side hangs up; the exit status.

    Args:
        descriptor: of a ``SOCK_SEQPACKET`` socket.
        memory: bytes that decoding may take beyond what this process has once it is ready.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s decoding: %(message)s")
    end_with(sys.stdin.fileno())
    # Whoever tells a whole group of processes to leave wants the server to answer its calls first.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with socket.socket(fileno=descriptor) as server:
        accepted_formats()  # loads a plug-in for HEIF, where there is one
        # as many processes as decode at the same time are there already
        AvifImagePlugin.DEFAULT_MAX_THREADS = 1
        hold_to(memory)
        server.send(READY)
        while True:
            message, descriptors, _, _ = socket.recv_fds(server, LONGEST, 1)
            if not message:
                return 0
            server.send(TAKEN)
            _answer(server, message, descriptors[0])


def end_with(pipe: int) -> None:
    """Has the kernel end this process when the other end of a pipe is closed.

    It does so by SIGIO, whatever a decoder is at; a thread that reads the pipe could be kept from
    running by a decoder that holds Python's lock.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    readable, _, _ = select.select([pipe], [], [], 0)
    if readable:  # it was closed before
        sys.exit(0)


def _answer(server: socket.socket, message: bytes, encoded: int) -> None:
    try:
        with open(encoded, "rb") as file:
            decoded = decode(file.read(), read_limits(message))
        pixels = memory_file(decoded.pixels.data.cast("B"))
    except Exception as error:
        if not isinstance(error, EngineError | MemoryError):
            log.exception("decoding failed in a way that nobody foresaw")
        server.send(write_failure(error))
        return
    try:
        socket.send_fds(server, [write_facts(decoded.facts)], [pixels])
    finally:
        os.close(pixels)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # nobody waits any more
        sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
