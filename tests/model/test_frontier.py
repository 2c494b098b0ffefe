"""Detectors of several widths are trained alike and measured beside each other."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from riskmask.model.detector import DEFAULT_SHAPE, DetectorShape
from riskmask.model.evaluate.judged import RegionTable
from riskmask.model.train import frontier
from riskmask.model.train.detector import DetectorTraining
from riskmask.model.train.frontier import (
    Point,
    contested_precision,
    frontier_svg,
    measure_candidates,
    train_candidates,
)

if TYPE_CHECKING:
    from .conftest import ThreeWords


def _table(right: list[float], wrong: list[float]) -> RegionTable:
    """Four regions; the first two change at levels 0 and 1, nothing at finer ones."""
    return RegionTable(
        image=np.arange(4),
        content=np.array(["text"] * 4),
        count=np.array([2, 2, 0, 0]),
        share=np.full(4, 0.01),
        scores={
            name: np.repeat(np.array(values, np.float32)[:, None], 8, axis=1)
            for name, values in (("right", right), ("wrong", wrong))
        },
    )


def test_precision_is_the_mean_over_contested_levels() -> None:
    table = _table([0.9, 0.8, 0.2, 0.1], [0.1, 0.9, 0.5, 0.4])
    every = np.arange(4)
    assert contested_precision(table, "right", every) == 1.0
    # The first of the changed ones stands first, the other one last of four.
    assert contested_precision(table, "wrong", every) == pytest.approx((1 + 2 / 4) / 2)
    nothing = RegionTable(
        table.image, table.content, np.zeros(4, np.intp), table.share, table.scores
    )
    assert np.isnan(contested_precision(nothing, "right", every))


def test_the_drawing_numbers_every_candidate() -> None:
    points = [Point("one, 64/32", 5.8, 20.0, 0.7, (0.6, 0.8)), Point("two", 9, 40, 0.8, (0.7, 0.9))]
    drawing = frontier_svg(points)
    assert drawing.startswith("<svg")
    assert frontier_svg(points) == drawing
    for text in ("1", "2", "milliseconds for 512x512, one thread"):
        assert f"<!-- {text} -->" in drawing


@pytest.mark.slow
def test_candidates_are_trained_and_measured(
    words: ThreeWords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = {"usual": DEFAULT_SHAPE, "wide": DetectorShape(pyramid=128, segmentation=64)}
    monkeypatch.setattr(frontier, "CANDIDATES", shapes)
    monkeypatch.setattr(frontier, "ROUNDS", 3)
    examples = [words.example(f"scene-00000{index}") for index in range(3)]
    settings = DetectorTraining(steps=2, batch=2, crop=64, device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter
        files = train_candidates(examples, tmp_path, settings)
    points = measure_candidates(files, examples)
    usual, wide = points
    assert (usual.name, wide.name) == ("usual", "wide")
    assert wide.megabytes > usual.megabytes > 1
    assert wide.milliseconds > 0 < usual.milliseconds
    for point in points:
        low, high = point.interval
        assert 0 < low <= point.precision <= high <= 1
