"""A decoding process as the server sees it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Final

from riskmask.server.decoding.messages import (
    LONGEST,
    READY,
    TAKEN,
    BrokenAnswer,
    memory_file,
    read_answer,
    write_limits,
)
from riskmask.server.engine.decode import DecodedImage, Limits
from riskmask.server.engine.errors import AbandonedError, ExpiredError
from riskmask.server.engine.job import Job

LOOK_SECONDS: Final = 0.05  # between two looks at whether the answer is still wanted
# That a decode may go on after its caller's time: most end by then, and a new process costs more.
GRACE_SECONDS: Final = 0.25
# One image at a time: more threads and memory arenas would only take address space.
_ALONE: Final = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}


class EndedError(Exception):
    """The process has ended, or is of no more use; it has been killed.

    Attributes:
        number: of the signal that ended it, or 0.
    """

    def __init__(self, how: str, number: int = 0) -> None:
        super().__init__(how)
        self.number = number


class LateError(Exception):
    """The image took longer than anybody waits; the process has been killed.

    Attributes:
        cause: what its caller is told.
    """

    def __init__(self, cause: ExpiredError | AbandonedError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class DecodingProcess:
    """A new interpreter and no fork: that would copy threads and sessions. One thread uses it.

    Args:
        memory: bytes that decoding may take.

    Raises:
        OSError: the system has no process to spare.
    """

    def __init__(self, memory: int) -> None:
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ready = False
        self._owes_answer = False
        with other:
            numbers = (str(other.fileno()), str(memory))
            try:
                self._process = subprocess.Popen(
                    # -P: what lies in the working directory is not to be imported
                    [sys.executable, "-P", "-m", "riskmask.server.decoding.worker", *numbers],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(other.fileno(),),
                    env={**os.environ, **_ALONE},
                    start_new_session=True,  # the terminal's Ctrl-C is the server's to hear
                )
            except OSError:
                self._socket.close()
                raise
        self._socket.settimeout(LOOK_SECONDS)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def owes_answer(self) -> bool:
        """Whether the next that it says belongs to an image that it has been sent before."""
        return self._owes_answer

    def wait_until_ready(self, job: Job) -> None:
        """Returns once it can be asked.

        Raises:
            EndedError: it never will.
            ExpiredError, AbandonedError: the caller does not wait any longer; it goes on starting.
        """
        while not self._ready:
            with contextlib.suppress(TimeoutError):
                if self._socket.recv(LONGEST) != READY:
                    raise self._ended()
                self._ready = True
            job.check()

    def ask(self, content: bytes, limits: Limits, job: Job) -> bool:
        """Has a process that is ready take an image; False where it ended before it did.

        Raises:
            MemoryError: there is no room for another copy of the image.
            LateError: the answer is not wanted any more.
        """
        encoded = memory_file(content)
        self._owes_answer = True
        try:
            socket.send_fds(self._socket, [write_limits(limits)], [encoded])
        except (BrokenPipeError, ConnectionResetError):
            return False
        finally:
            os.close(encoded)
        try:
            with self._received(job) as (message, _):
                return message == TAKEN
        except EndedError:
            return False

    def answer(self, limits: Limits, job: Job) -> DecodedImage:
        """What became of the image that it has taken.

        Raises:
            EngineError: the image cannot be decoded.
            MemoryError: within the memory that it has, or this process has none for the picture.
            EndedError: it died of it.
            LateError: the answer is not wanted any more.
        """
        with self._received(job) as (message, descriptors):
            self._owes_answer = False
            try:
                return read_answer(message, descriptors, limits)
            except BrokenAnswer as error:
                self.kill()
                raise EndedError("gave an answer of no form and was killed") from error

    def kill(self) -> None:
        """Ends it and waits until it has."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._socket.close()

    @contextlib.contextmanager
    def _received(self, job: Job) -> Iterator[tuple[bytes, list[int]]]:
        end = float("inf")
        while True:
            try:
                message, descriptors, flags, _ = socket.recv_fds(self._socket, LONGEST, 1)
                break
            except TimeoutError:
                if (cause := _over(job)) is not None:
                    end = min(end, time.monotonic() + GRACE_SECONDS)
                    if time.monotonic() >= end:
                        self.kill()
                        raise LateError(cause) from None
            except ConnectionResetError:
                raise self._ended() from None
        if not message:
            raise self._ended()
        try:
            if flags & socket.MSG_CTRUNC:
                raise MemoryError("no file descriptor is left for the picture")
            yield message, descriptors
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _ended(self) -> EndedError:
        with contextlib.suppress(subprocess.TimeoutExpired):  # it has hung up, so it is leaving
            self._process.wait(10)
        code = self._process.poll()
        self.kill()
        if code is None:
            return EndedError("hung up and was killed")
        if code >= 0:
            return EndedError(f"left with status {code}")
        return EndedError(f"was ended by signal {-code}", -code)


def _over(job: Job) -> ExpiredError | AbandonedError | None:
    try:
        job.check()
    except (ExpiredError, AbandonedError) as cause:
        return cause
    return None
