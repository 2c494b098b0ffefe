"""Which encoder and which widths are worth their time: precision against milliseconds.

Every candidate is trained alike from random weights, and much shorter than the packaged detector;
so their order is what this tells, not how good any of them gets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from riskmask.model.bench.methods import NetworkAlone
from riskmask.model.bench.timing import time_methods
from riskmask.model.data.training_set import Example
from riskmask.model.detector import DEFAULT_SHAPE, DetectorShape
from riskmask.model.evaluate.bootstrap import Interval, interval
from riskmask.model.evaluate.judged import RegionTable, Scores, region_table
from riskmask.model.evaluate.precision import average_precision, is_contested
from riskmask.model.export import export_detector
from riskmask.model.levels import ANCHORS
from riskmask.model.pages import drawing_axes, svg
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.train.detector import DetectorTraining, train_detector

SIDE = 512  # of the tile that is timed
ROUNDS = 40
CANDIDATES: Mapping[str, DetectorShape] = {
    "mobilenetv4 small, half width, 64/32": DetectorShape("tu-mobilenetv4_conv_small_050"),
    "mobilenetv4 small, 32/32": DetectorShape(pyramid=32),
    "mobilenetv4 small, 64/32": DEFAULT_SHAPE,
    "mobilenetv4 small, 128/64": DetectorShape(pyramid=128, segmentation=64),
    "mobilenetv2, 64/32": DetectorShape("mobilenet_v2"),
    "mobilenetv2, half width, 64/32": DetectorShape("tu-mobilenetv2_050"),
    "lcnet, 64/32": DetectorShape("tu-lcnet_100"),
    "mnasnet small, 64/32": DetectorShape("tu-mnasnet_small"),
}


@dataclass(frozen=True)
class Point:
    """What one candidate is worth.

    Attributes:
        name: of the candidate; encoder, widths of pyramid and segmentation.
        megabytes: of its float32 file.
        milliseconds: for a tile of 512x512 with one thread, the median.
        precision: region AP on pictures kept out of training, the mean over contested levels.
        interval: 95% bootstrap interval of it over pictures.
    """

    name: str
    megabytes: float
    milliseconds: float
    precision: float
    interval: Interval


def train_candidates(
    examples: Sequence[Example], folder: Path, settings: DetectorTraining
) -> dict[str, Path]:
    """Train and export every candidate; a run that was cut off goes on.

    Args:
        examples: those kept for the calibration are left out.
        folder: of the runs, one folder each.
        settings: the same for all.

    Returns:
        The ONNX files by name.
    """
    learnt = [example for example in examples if not example.for_calibration]
    files = {}
    for number, (name, shape) in enumerate(CANDIDATES.items()):
        run = folder / f"candidate-{number}"
        network = train_detector(learnt, run, settings, shape)
        files[name] = export_detector(network, run, name)
    return files


def measure_candidates(files: Mapping[str, Path], examples: Sequence[Example]) -> list[Point]:
    """Precision and speed of exported candidates.

    Args:
        files: of :func:`train_candidates`.
        examples: labelled pictures that no candidate learnt from.
    """
    table = region_table(
        examples,
        {
            name: [_risk(predictor, example) for example in examples]
            for name, predictor in ((name, Predictor(path)) for name, path in files.items())
        },
    )
    milliseconds = _milliseconds(files)
    every = np.arange(len(table))
    return [
        Point(
            name,
            path.stat().st_size / 1e6,
            milliseconds[name],
            contested_precision(table, name, every),
            interval(table.image, partial(contested_precision, table, name)),
        )
        for name, path in files.items()
    ]


def contested_precision(table: RegionTable, method: str, rows: NDArray[np.intp]) -> float:
    """Region AP of some rows, the mean over the levels that are contested in the whole table."""
    levels = [
        level for level in range(ANCHORS) if is_contested(float((table.count > level).mean()))
    ]
    values = [
        average_precision(table.count[rows] > level, table.scores[method][rows, level])
        for level in levels
    ]
    return float(np.mean(values)) if values else float("nan")


def frontier_svg(points: Sequence[Point]) -> str:
    """Precision against time, as SVG; candidates are named by their numbers, from 1 on."""
    drawing, axes = drawing_axes("milliseconds for 512x512, one thread", "region AP, contested")
    for number, point in enumerate(points, start=1):
        low, high = point.interval
        bars = [[point.precision - low], [high - point.precision]]
        chosen = CANDIDATES.get(point.name) == DEFAULT_SHAPE
        axes.errorbar(
            point.milliseconds,
            point.precision,
            yerr=bars,
            fmt="o",
            color="C1" if chosen else "C0",
            capsize=3,
        )
        axes.annotate(
            str(number),
            (point.milliseconds, point.precision),
            textcoords="offset points",
            xytext=(5, 3),
            fontsize=9,
        )
    axes.margins(x=0.1, y=0.15)
    return svg(drawing)


def _risk(predictor: Predictor, example: Example) -> Scores:
    return predictor.predict(example.image).risk.astype(np.float32)


class _Alone(NetworkAlone):
    """One candidate's network, by the candidate's name."""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(path, threads=1)
        self.name = name


def _milliseconds(files: Mapping[str, Path]) -> dict[str, float]:
    """Of one tile with one thread; the candidates take turns."""
    tile = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    methods = [_Alone(name, path) for name, path in files.items()]
    return {
        name: speed.milliseconds for name, speed in time_methods(methods, [tile], ROUNDS).items()
    }
