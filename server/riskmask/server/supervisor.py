"""Several server processes on the same ports: starts them, replaces those that die, ends them."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Sequence
from typing import Final

from riskmask.server.addresses import shared_ports
from riskmask.server.errors import StartError
from riskmask.server.orders import Said
from riskmask.server.settings import ServerSettings
from riskmask.server.worker_process import WorkerProcess

FIRST_DELAY: Final = 0.5  # seconds until a worker that died is replaced, doubled each time
LONGEST_DELAY: Final = 30.0
SETTLED: Final = 60.0  # seconds of service after which a death counts as the first again
LEAVE_SECONDS: Final = 15.0  # that a worker may take to leave beyond its drain_seconds

log = logging.getLogger(__name__)

Ready = Callable[[Sequence[Said]], None]


def run(settings: ServerSettings, ready: Ready = lambda _: None) -> int:
    """Serves with ``settings.workers`` processes until told to stop.

    Args:
        settings: of all workers.
        ready: called with what each worker said, once all serve.

    Returns:
        the exit status: 0, or 1 where a worker did not leave as it should.

    Raises:
        StartError: an address cannot be had, a worker cannot start, or none is left and the next
            one cannot start.
    """
    with shared_ports(settings.addresses) as addresses:
        bound = settings.model_copy(update={"address": tuple(map(str, addresses))})
        return asyncio.run(Supervisor(bound, ready).run())


class Supervisor:
    """Keeps ``settings.workers`` workers. Use it once, in one event loop.

    Args:
        settings: of all workers, the ports given.
        ready: called with what each worker said, once all serve.
    """

    def __init__(self, settings: ServerSettings, ready: Ready) -> None:
        self._settings = settings
        self._ready = ready
        self._workers: dict[int, WorkerProcess] = {}
        self._said: dict[int, Said] = {}
        self._all_served = False
        self._stopping = asyncio.Event()
        self._untidy = False

    async def run(self) -> int:
        """The exit status, once all workers have left."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        keeping = [
            asyncio.create_task(self._keep(number)) for number in range(self._settings.workers)
        ]
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([stopping, *keeping], return_when=asyncio.FIRST_COMPLETED)
        self._stopping.set()
        await self._end(keeping)
        failures = [error for task in keeping if (error := task.exception()) is not None]
        if failures:
            raise failures[0]
        return 1 if self._untidy else 0

    def _reload(self) -> None:
        for worker in self._workers.values():
            worker.reload()

    async def _keep(self, number: int) -> None:
        """Starts a worker again and again until all are to stop.

        Raises:
            StartError: it cannot start, and so there is nothing worth to be kept.
        """
        delay = FIRST_DELAY
        while not self._stopping.is_set():
            begun = time.monotonic()
            try:
                how = await self._live(number)
            except StartError as error:
                if not (self._stopping.is_set() or (self._all_served and self._one_serves())):
                    raise
                how = str(error)
            else:
                if time.monotonic() - begun > SETTLED:
                    delay = FIRST_DELAY
            if self._stopping.is_set():
                return
            log.error("worker %d %s; another one in %.1f s", number, how, delay)
            await self._pause(delay)
            delay = min(2 * delay, LONGEST_DELAY)

    async def _live(self, number: int) -> str:
        """One worker from its start to its end; how it left, in words.

        Raises:
            StartError: it never served.
        """
        worker = await WorkerProcess.start(number, self._settings)
        self._workers[number] = worker
        if self._stopping.is_set():
            worker.kill()
        said = await worker.started()
        if not said.error:
            self._note(number, said)
        how = await worker.left()
        was_serving, worker.serves = worker.serves, False
        if self._stopping.is_set():
            self._untidy |= was_serving and not worker.is_content
        if said.error:
            raise StartError(said.error)
        return how

    def _note(self, number: int, said: Said) -> None:
        log.info("worker %d serves, process %d", number, self._workers[number].pid)
        self._said[number] = said
        if not self._all_served and len(self._said) == self._settings.workers:
            self._all_served = True
            self._ready([self._said[each] for each in sorted(self._said)])

    def _one_serves(self) -> bool:
        return any(worker.serves for worker in self._workers.values())

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _end(self, keeping: Sequence[asyncio.Task[None]]) -> None:
        log.info("stopping %d workers", len(self._workers))
        for worker in self._workers.values():
            worker.stop()
        seconds = self._settings.drain_seconds + LEAVE_SECONDS
        _, late = await asyncio.wait(keeping, timeout=seconds)
        if late:
            log.error("%d workers did not leave within %.0f s and are ended", len(late), seconds)
            for worker in self._workers.values():
                worker.kill()
            await asyncio.wait(late)
