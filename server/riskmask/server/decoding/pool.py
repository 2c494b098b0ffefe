"""A few decoding processes, borrowed by the threads that answer and replaced when they die."""

from __future__ import annotations

import logging
import queue
import signal
from collections.abc import Callable
from typing import Final

from riskmask.server.decoding.loss import Loss
from riskmask.server.decoding.memory import memory_for
from riskmask.server.decoding.process import LOOK_SECONDS, DecodingProcess, EndedError, LateError
from riskmask.server.engine.decode import DecodedImage, Limits
from riskmask.server.engine.errors import DecoderCrashedError, ExpiredError
from riskmask.server.engine.job import Job
from riskmask.server.errors import NoDecoder, StartError

START_SECONDS: Final = 60.0

log = logging.getLogger(__name__)


class DecodingPool:
    """Decodes in other processes. :meth:`decode` may be called from many threads.

    Args:
        processes: images that are decoded at the same time, at least 1.
        limits: on the images; the memory of each process follows from them unless given.
        memory: bytes that decoding may take in each process.

    Attributes:
        on_loss: called with each process that has to be replaced.
    """

    def __init__(self, processes: int, limits: Limits, memory: int | None = None) -> None:
        self.on_loss: Callable[[Loss], None] = lambda _: None
        self._closed = False
        places = [_Place(self, memory or memory_for(limits)) for _ in range(processes)]
        self._places = tuple(places)
        # first in, first out: a process that has just been started comes last
        self._idle: queue.Queue[_Place] = queue.Queue()
        for place in places:
            self._idle.put(place)

    @property
    def closed(self) -> bool:
        """Whether no process is to be started any more."""
        return self._closed

    def start(self) -> None:
        """Starts the processes and waits until they are ready.

        Raises:
            StartError: they do not get so far.
        """
        allowed = Job(START_SECONDS)
        try:
            for place in self._places:
                place.start()
            for place in self._places:
                place.wait_until_ready(allowed)
        except Exception as error:
            self.close()
            why = str(error)
            if isinstance(error, ExpiredError):
                why = f"was not ready within {START_SECONDS:g} s"
            elif isinstance(error, OSError):
                why = f"could not be started: {error.strerror}"
            raise StartError(f"decode_processes: a decoding process {why}") from error

    def decode(self, content: bytes, limits: Limits, job: Job) -> DecodedImage:
        """As :func:`riskmask.server.engine.decode.decode`, in another process.

        Args:
            content: the encoded image.
            limits: on it.
            job: asked again and again whether the answer is still wanted.

        Raises:
            EngineError: what decoding raises.
            DecoderCrashedError: the process died of this image.
            MemoryError: the image takes more memory than one process may have, or the process
                was killed, as the kernel does where memory is short.
            ExpiredError, AbandonedError: the answer is not wanted any more.
            NoDecoder: the process is gone and no other one can be started.
        """
        limits.check_bytes(len(content))
        place = self._borrow(job)
        try:
            return place.decode(content, limits, job)
        finally:
            self._idle.put(place)

    def close(self) -> None:
        """Ends the processes. No decode may be going on."""
        self._closed = True
        for place in self._places:
            place.stop()

    def _borrow(self, job: Job) -> _Place:
        while True:
            try:
                return self._idle.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                job.check()


class _Place:
    """Where a process is, or the next one will be. One thread uses it at a time."""

    def __init__(self, pool: DecodingPool, memory: int) -> None:
        self._pool = pool
        self._memory = memory
        self._process: DecodingProcess | None = None

    def start(self) -> None:
        """Begins to start a process; raises OSError where the system has none to spare."""
        if self._process is None and not self._pool.closed:
            self._process = DecodingProcess(self._memory)

    def wait_until_ready(self, job: Job) -> DecodingProcess:
        """The process, once it is ready.

        Raises:
            OSError: the system has none to spare.
            RuntimeError: it cannot start.
            ExpiredError, AbandonedError: the caller does not wait any longer; it goes on starting.
        """
        self.start()
        if self._process is None:
            raise RuntimeError("has been stopped")
        try:
            self._process.wait_until_ready(job)
        except EndedError as ended:
            self._process = None
            raise RuntimeError(f"{ended} before it was ready") from ended
        return self._process

    def decode(self, content: bytes, limits: Limits, job: Job) -> DecodedImage:
        try:
            return self._asked(content, limits, job).answer(limits, job)
        except LateError as late:
            self._replace(Loss.LATE, "took too long over an image and was killed")
            raise late.cause from None
        except EndedError as ended:
            killed = ended.number == signal.SIGKILL  # no decoder does that to itself
            self._replace(Loss.KILLED if killed else Loss.CRASHED, f"{ended} over an image")
            if killed:
                raise MemoryError from ended
            raise DecoderCrashedError(
                "the image made its decoder crash; write the file again with another program"
            ) from ended
        except BaseException:
            # An answer that is still to come would be taken for that to the next image.
            if self._process is not None and self._process.owes_answer:
                self._process.kill()
                self._replace(Loss.CRASHED, "owed an answer that could not be waited for")
            raise

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _asked(self, content: bytes, limits: Limits, job: Job) -> DecodingProcess:
        """A process that has got the image; one that died while it was idle is replaced first."""
        while True:
            try:
                process = self.wait_until_ready(job)
            except (OSError, RuntimeError) as error:
                log.warning("no decoding process can be started", exc_info=error)
                raise NoDecoder from error
            if process.ask(content, limits, job):
                return process
            process.kill()
            self._replace(Loss.IDLE, "ended while it had nothing to do")

    def _replace(self, loss: Loss, how: str) -> None:
        """Begins to start the next one, so that nobody has to wait for all of its start."""
        pid = None if self._process is None else self._process.pid
        self._process = None
        self._pool.on_loss(loss)
        log.warning("decoding process %s %s; another one takes its place", pid, how)
        try:
            self.start()
        except OSError:
            log.warning(
                "no decoding process can be started now; the next image tries again", exc_info=True
            )
