"""A worker as its supervisor sees it: a process that is told things, and leaves."""

from __future__ import annotations

import asyncio
import signal
import sys

from riskmask.server.errors import StartError
from riskmask.server.orders import RELOAD, STOP, Said, read_said, write_settings
from riskmask.server.settings import ServerSettings


class WorkerProcess:
    """A new interpreter and no fork: neither gRPC nor ONNX Runtime would survive that.

    Attributes:
        number: of the worker, from 0.
        serves: whether it has said that it serves.
    """

    def __init__(self, number: int, process: asyncio.subprocess.Process) -> None:
        self.number = number
        self.serves = False
        self._process = process

    @classmethod
    async def start(cls, number: int, settings: ServerSettings) -> WorkerProcess:
        """A worker that begins to load.

        Args:
            number: of the worker, from 0.
            settings: of all workers.

        Raises:
            StartError: the system has no process to spare.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                # -P: what lies in the working directory is not to be imported
                *(sys.executable, "-P", "-m", "riskmask.server.worker", str(number)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                start_new_session=True,  # the terminal's Ctrl-C comes by the supervisor
            )
        except OSError as error:
            raise StartError(f"cannot be started: {error.strerror or error}") from None
        worker = cls(number, process)
        worker._tell(write_settings(settings))
        return worker

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    async def started(self) -> Said:
        """What it says of its start, once it does; an error where it leaves without a word."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            return Said(error=f"worker {self.number} {await self.left()} before it served")
        said = read_said(line)
        self.serves = not said.error
        return said

    async def left(self) -> str:
        """How it left, in words, once it does."""
        code = await self._process.wait()
        return f"ended by {signal.Signals(-code).name}" if code < 0 else f"left with status {code}"

    @property
    def is_content(self) -> bool:
        """Whether it has left with status 0."""
        return self._process.returncode == 0

    def reload(self) -> None:
        """Tells it to load the model anew, at the latest once it serves."""
        self._tell(RELOAD)

    def stop(self) -> None:
        """Tells it to drain and leave; one that does not serve yet has nothing to drain."""
        if self.serves:
            self._tell(STOP)
        else:
            self.kill()

    def kill(self) -> None:
        """Ends it, where it is still there."""
        if self._process.returncode is None:
            self._process.kill()

    def _tell(self, line: bytes) -> None:
        assert self._process.stdin is not None
        if not self._process.stdin.is_closing():  # one that has just died hears nothing
            self._process.stdin.write(line)
