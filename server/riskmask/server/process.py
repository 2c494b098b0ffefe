"""The server process: loads, serves, heeds signals, leaves."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from riskmask.server.allocator import keep_trimmed
from riskmask.server.app import Server, certificates, interceptors
from riskmask.server.engine.any_image import decode_here
from riskmask.server.engine.engine import Engine
from riskmask.server.loading import (
    load_decoding,
    load_engine,
    load_traces,
    load_verifier,
    load_warm_engine,
)
from riskmask.server.metrics import BatchSizes
from riskmask.server.reload import Reloads
from riskmask.server.settings import ServerSettings

log = logging.getLogger(__name__)


Order: TypeAlias = Callable[[], None]


def run(settings: ServerSettings, ready: Callable[[Server], None] = lambda _: None) -> None:
    """Loads the engine and serves in this process until told to stop.

    Raises:
        StartError: an address cannot be had.
        AssetError: the model or a codec profile cannot be used.
    """
    asyncio.run(serve(settings.for_worker(0), ready))


def heed_signals(stop: Order, reload: Order) -> None:
    """SIGTERM and SIGINT stop, SIGHUP loads the model anew."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, reload)


async def serve(
    settings: ServerSettings,
    ready: Callable[[Server], None] = lambda _: None,
    heed: Callable[[Order, Order], None] = heed_signals,
) -> None:
    """Runs a server until it is told to stop.

    Args:
        settings: which server.
        ready: called once it serves.
        heed: called before anything else, with what stops the server and what reloads its model.

    Raises:
        StartError: an address cannot be had.
        AssetError: the model or a codec profile cannot be used.
    """
    stopping = asyncio.Event()
    batches = BatchSizes()
    decoding = load_decoding(settings)
    decode = decode_here if decoding is None else decoding.decode
    reloads = Reloads(partial(load_warm_engine, settings, batches.told, decode))
    heed(stopping.set, reloads.ask)
    server = Server(
        load_engine(settings, batches.told, decode),
        settings,
        load_verifier(settings, decode),
        batches,
        decoding,
    )
    await server.start()
    beside = [asyncio.create_task(reloads.run(server)), asyncio.create_task(keep_trimmed())]
    ready(server)
    await stopping.wait()
    for task in beside:
        task.cancel()
    log.info("stopping: waiting up to %.0f s for calls in flight", settings.drain_seconds)
    await server.stop()


def check(settings: ServerSettings) -> Engine:
    """Does everything that a start does but listen; the engine, which has answered.

    Raises:
        StartError: certificates, tokens or the exporter of traces cannot be used, or decoding
            processes do not start.
        AssetError: the model, a codec profile or a file of the annotators cannot be used.
    """
    certificates(settings)
    traces = load_traces(settings)
    interceptors(settings, traces)
    if traces is not None:
        traces.close()
    decoding = load_decoding(settings)
    if decoding is not None:
        decoding.start()
        decoding.close()
    engine = load_warm_engine(settings)
    load_verifier(settings).warm()
    return engine
