"""The evaluation's figures: precision against recall, and risk against what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

from riskmask.model.evaluate.judged import RegionTable
from riskmask.model.evaluate.probability import BINS, equal_mass_bins
from riskmask.model.levels import ANCHORS
from riskmask.model.pages import drawing_axes, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def precision_recall_svg(table: RegionTable, level: int) -> str:
    """Precision against recall of judged regions at a level, a curve for each method, as SVG.

    Args:
        table: judged regions; some of them changed at that level, others not.
        level: anchor.
    """
    drawing, axes = drawing_axes("recall", "precision")
    truth = table.count > level
    for method, scores in table.scores.items():
        precision, recall, _ = precision_recall_curve(truth, scores[:, level])
        first = method == next(iter(table.scores))
        axes.step(recall, precision, where="post", label=method, linewidth=2.2 if first else 1.0)
    axes.axhline(float(truth.mean()), color="0.7", linewidth=0.8)
    axes.set_title(f"level {level}, {truth.sum()} of {len(truth)} regions changed", fontsize=9)
    axes.legend(fontsize=7)
    _unit(axes)
    return svg(drawing)


def reliability_svg(table: RegionTable, method: str) -> str:
    """Share of changed regions against their mean risk, over bins of equal mass, as SVG."""
    drawing, axes = drawing_axes("mean risk", "share that changed")
    risk, changed = every_level(table, method)
    points = np.array(
        [(risk[part].mean(), changed[part].mean()) for part in equal_mass_bins(risk)]
    ).reshape(-1, 2)
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
    axes.plot(points[:, 0], points[:, 1], marker="o", markersize=4)
    axes.set_title(f"{len(table)} regions at {ANCHORS} levels, {BINS} bins", fontsize=9)
    _unit(axes)
    return svg(drawing)


def every_level(table: RegionTable, method: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(8R,) risk of every region at every level, and whether that level changed it."""
    changed = table.count[:, None] > np.arange(ANCHORS)
    return table.scores[method].astype(np.float64).ravel(), changed.ravel()


def _unit(axes: Axes) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
