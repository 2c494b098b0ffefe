"""What keeps a closed loop from being run."""

from __future__ import annotations


class RunError(RuntimeError):
    """It cannot be begun or gone on with; the message says what to do."""
