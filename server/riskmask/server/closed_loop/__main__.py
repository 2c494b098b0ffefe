"""``python -m riskmask.server.closed_loop``: see :mod:`~riskmask.server.closed_loop.command`."""

from __future__ import annotations

import typer

from riskmask.server.closed_loop.command import hints

if __name__ == "__main__":
    typer.run(hints)
