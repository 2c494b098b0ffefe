"""Why decoding processes get lost."""

from __future__ import annotations

from enum import StrEnum


class Loss(StrEnum):
    """Why a decoding process had to be replaced."""

    CRASHED = "crashed"  # on an image
    KILLED = "killed"  # from outside while it had one, as the kernel does where memory is short
    LATE = "late"  # the image took longer than its caller waits
    IDLE = "idle"  # while it had none
