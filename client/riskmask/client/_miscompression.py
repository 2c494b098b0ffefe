"""What a miscompression happens to, and what happens."""

from __future__ import annotations

from enum import StrEnum


class ContentType(StrEnum):
    """What is there."""

    TEXT = "TEXT"
    FACE = "FACE"
    SYMBOL = "SYMBOL"


class ChangeKind(StrEnum):
    """What happened: to brightness, colour or detail; to the place; to contours."""

    AMPLITUDE = "AMPLITUDE"
    GEOMETRY = "GEOMETRY"
    SHAPE = "SHAPE"
