"""What a detector's training begins with, beside random weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from riskmask.model.data.training_set import Example
from riskmask.model.detector import Detector
from riskmask.model.evaluate.spread import evenly_spread
from riskmask.model.train.detector import load_trained
from riskmask.model.train.exported import read_exported

PICTURES = 32  # that the statistics of an exported detector's normalisations are taken from


def start_network(start: Path, examples: Sequence[Example]) -> Detector:
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
        return read_exported(start, pictures)
    return load_trained(start)[0]
