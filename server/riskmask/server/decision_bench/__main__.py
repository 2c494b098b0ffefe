"""``python -m riskmask.server.decision_bench``: see its module ``command``."""

from __future__ import annotations

import typer

from riskmask.server.decision_bench.command import decisions

if __name__ == "__main__":
    typer.run(decisions)
