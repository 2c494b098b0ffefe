"""Another model while the server runs: built beside the old one, then exchanged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from riskmask.model.runtime.errors import AssetError
from riskmask.server.app import Server
from riskmask.server.engine.engine import Engine

log = logging.getLogger(__name__)


class Reloads:
    """Exchanges a server's engine when asked, one exchange at a time. Use it from one event loop.

    Args:
        load: makes a new engine, warm; runs in a thread, so that the loop goes on answering.
    """

    def __init__(self, load: Callable[[], Engine]) -> None:
        self._load = load
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Wants the files loaded anew. While an exchange is going on, one more follows it."""
        self._asked.set()

    async def run(self, server: Server) -> None:
        """Exchanges this server's engine whenever asked, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            await self._exchange(server)

    async def _exchange(self, server: Server) -> None:
        log.info("loading the model and the codec profiles anew")
        try:
            engine = await asyncio.to_thread(self._load)
        except AssetError as error:
            server.metrics.count_reload(done=False)
            log.error("the new files cannot be used, the old model stays: %s", _why(error))
        except Exception:  # whatever a bad file brings about, the old model serves on
            server.metrics.count_reload(done=False)
            log.exception("the new files could not be loaded, the old model stays")
        else:
            server.install(engine)
            server.metrics.count_reload(done=True)
            log.info("model %s, sha256 %s, answers now", engine.model.name, engine.model.sha256)


def _why(error: AssetError) -> str:
    cause = error.__cause__
    return str(error) if cause is None else f"{error} ({' '.join(str(cause).split())})"
