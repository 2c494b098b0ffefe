"""What a detector's training begins with, beside random weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from riskmask.model.data.training_set import Example
from riskmask.model.evaluate.spread import evenly_spread
from riskmask.model.runs import file_hash
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
        return Start(read_exported(start, pictures), file_hash(start))
    return Start(load_trained(start)[0], file_hash(start / CHECKPOINT))
