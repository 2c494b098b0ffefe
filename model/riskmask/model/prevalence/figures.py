"""The report's drawings."""

from __future__ import annotations

import pandas as pd

from riskmask.model.pages import drawing_axes, svg
from riskmask.model.prevalence.influence import UNITS, range_names


def share_over_rate(shares: pd.DataFrame, title: str) -> str:
    """Share over bpp, a line per codec with its interval, as SVG.

    Args:
        shares: columns codec, bpp, share, low, high.
        title: above the drawing.
    """
    drawing, axes = drawing_axes("bits per pixel of the picture", "share that changed")
    for codec, part in shares.groupby("codec"):
        line = part.sort_values("bpp")
        axes.plot(line["bpp"], line["share"], marker="o", markersize=3, label=str(codec))
        axes.fill_between(line["bpp"], line["low"], line["high"], alpha=0.15)
    axes.set_xscale("log")
    axes.set_ylim(0, None)
    axes.set_title(title, fontsize=9)
    axes.legend(fontsize=7)
    return svg(drawing)


def share_over_feature(shares: pd.DataFrame, feature: str) -> str:
    """Share over the ranges of a feature, a line per level, as SVG.

    Args:
        shares: of one codec; columns level, range, share.
        feature: its name.
    """
    drawing, axes = drawing_axes(UNITS[feature], "share that changed")
    ranges = [name for name in range_names(feature) if name in set(shares["range"])]
    places = {name: place for place, name in enumerate(ranges)}
    for level, part in shares.groupby("level"):
        across = [places[str(name)] for name in part["range"]]
        axes.plot(across, part["share"], marker="o", markersize=3, label=f"level {level}")
    axes.set_xticks(range(len(ranges)), ranges, rotation=40, ha="right", fontsize=7)
    axes.set_ylim(0, 1.02)
    axes.legend(fontsize=6, ncols=2)
    return svg(drawing)
