"""Where the server's log goes: standard error, one line each."""

from __future__ import annotations

import logging
import sys

from riskmask.server import record


def log_to_stderr(level: int, who: str = "") -> None:
    """Sends messages as text and requests as the JSON that they are.

    Args:
        level: the least that is sent.
        who: stands before each message, where several processes send theirs to one place; a
            request's line names its worker in its JSON.
    """
    prefix = f"{who}: " if who else ""
    logging.basicConfig(level=level, format=f"%(asctime)s %(levelname)s {prefix}%(message)s")
    plain = logging.StreamHandler(sys.stderr)
    plain.setFormatter(logging.Formatter("%(message)s"))
    record.requests.handlers = [plain]
    record.requests.propagate = False
    record.requests.setLevel(level)
