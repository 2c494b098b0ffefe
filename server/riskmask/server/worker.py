"""``python -m riskmask.server.worker NUMBER``: one of several server processes.

``riskmask serve --workers`` starts it and speaks to it as ``orders.py`` says.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from typing import TextIO

from riskmask.model.runtime.errors import AssetError
from riskmask.server.app import Server
from riskmask.server.errors import StartError
from riskmask.server.logs import log_to_stderr
from riskmask.server.orders import RELOAD, STOP, Said, read_settings, write_said
from riskmask.server.process import Order, heed_signals, serve

CANNOT_START = 2


def main(number: int) -> int:
    """Serves until told to stop; the exit status."""
    # What a library prints must not come between.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    log_to_stderr(logging.INFO, f"worker {number}")
    try:
        asyncio.run(_serve(number, answers))
    except (StartError, AssetError) as error:
        _say(answers, Said(error=str(error)))
        return CANNOT_START
    return 0


async def _serve(number: int, answers: TextIO) -> None:
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    settings = read_settings(await orders.readline()).for_worker(number)
    obeying: list[asyncio.Task[None]] = []

    def heed(stop: Order, reload: Order) -> None:
        heed_signals(stop, reload)
        obeying.append(asyncio.create_task(_obey(orders, stop, reload)))

    def ready(server: Server) -> None:
        bound = tuple(str(address) for address in server.bound)
        _say(answers, Said(bound, server.metrics.port))

    await serve(settings, ready, heed)


async def _obey(orders: asyncio.StreamReader, stop: Order, reload: Order) -> None:
    while (order := await orders.readline()) == RELOAD:
        reload()
    if order != STOP:
        logging.getLogger(__name__).warning("the supervisor is gone, leaving")
    stop()


def _say(answers: TextIO, said: Said) -> None:
    answers.write(write_said(said))
    answers.flush()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
