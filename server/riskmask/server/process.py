"""The server process: loads, serves, heeds signals, leaves."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from functools import partial

from riskmask.server.app import Server, certificates, interceptors
from riskmask.server.engine.engine import Engine
from riskmask.server.loading import load_engine, load_verifier, load_warm_engine
from riskmask.server.reload import Reloads
from riskmask.server.settings import ServerSettings

log = logging.getLogger(__name__)


def run(settings: ServerSettings, ready: Callable[[Server], None] = lambda _: None) -> None:
    """Loads the engine and serves until told to stop.

    Raises:
        StartError: an address cannot be had.
        AssetError: the model or a codec profile cannot be used.
    """
    asyncio.run(serve(settings, ready))


async def serve(
    settings: ServerSettings,
    ready: Callable[[Server], None] = lambda _: None,
) -> None:
    """Runs a server until SIGTERM or SIGINT; with SIGHUP it loads the model anew.

    Args:
        settings: which server.
        ready: called once it serves.

    Raises:
        StartError: an address cannot be had.
        AssetError: the model or a codec profile cannot be used.
    """
    stopping = asyncio.Event()
    reloads = Reloads(partial(load_warm_engine, settings))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, reloads.ask)
    server = Server(load_engine(settings), settings)
    await server.start()
    reloading = asyncio.create_task(reloads.run(server))
    ready(server)
    await stopping.wait()
    reloading.cancel()
    log.info("stopping: waiting up to %.0f s for calls in flight", settings.drain_seconds)
    await server.stop()


def check(settings: ServerSettings) -> Engine:
    """Does everything that a start does but listen; the engine, which has answered.

    Raises:
        StartError: certificates or tokens cannot be used.
        AssetError: the model, a codec profile or a file of the annotators cannot be used.
    """
    certificates(settings)
    interceptors(settings)
    engine = load_warm_engine(settings)
    load_verifier(settings).warm()
    return engine
