"""What a detector's training begins with, beside random weights."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from riskmask.model.data.training_set import Example
from riskmask.model.evaluate.spread import evenly_spread
from riskmask.model.train.detector import CHECKPOINT, Start, load_trained
from riskmask.model.train.exported import read_exported

PICTURES = 32  # that the statistics of an exported detector's normalisations are taken from


def read_start(start: Path, examples: Sequence[Example]) -> Start:
    """The averaged network of another run's folder, or that of an exported detector's file.

    Args:
        start: folder or ONNX file.
        examples: what will be learnt from.

    Raises:
        FileNotFoundError: neither is there.
        NotADetectorError: the file cannot be trained on.
    """
    if start.is_file():
        pictures = [example.image for example in evenly_spread(examples, PICTURES)]
        return Start(read_exported(start, pictures), _sha256(start))
    return Start(load_trained(start)[0], _sha256(start / CHECKPOINT))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
