"""Where the server's log goes: standard error, one line each."""

from __future__ import annotations

import logging
import sys

from riskmask.server import record


def log_to_stderr(level: int) -> None:
    """Sends messages as text and requests as the JSON that they are."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s")
    plain = logging.StreamHandler(sys.stderr)
    plain.setFormatter(logging.Formatter("%(message)s"))
    record.requests.handlers = [plain]
    record.requests.propagate = False
    record.requests.setLevel(level)
