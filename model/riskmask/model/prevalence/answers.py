"""The report's three sentences, each from the tables alone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from riskmask.model.evaluate.bootstrap import interval
from riskmask.model.prevalence.influence import half_rate
from riskmask.model.prevalence.shares import FEWEST, regions_with_outcome
from riskmask.model.prevalence.tables import Tables

GENERATIVE = frozenset({"hific", "cdc"})
TWELVE_PIXELS = (11.0, 13.0)
RATES = 25  # points on the common range of rates


def worst_codec(tables: Tables) -> str:
    """Which codec miscompresses most at equal bpp, on the regions that all of them judged."""
    if len(tables.codecs) < 2:
        return f"Only {tables.codecs[0]} was labelled; there is nothing to compare it with."
    shares = equal_rate_shares(tables)
    if len(shares) < 2:
        return "The codecs have no regions or no range of rates in common, and are not compared."
    ranked = shares.sort_values("share", ascending=False)
    worst, best = ranked.iloc[0], ranked.iloc[-1]
    return (
        f"At equal bpp, from {worst['from']:.2f} to {worst['to']:.2f}, {worst['codec']} "
        f"miscompresses most: {worst['share']:.1%} of the regions in the mean over log bpp; "
        f"{best['codec']} least, {best['share']:.1%}."
    )


def equal_rate_shares(tables: Tables) -> pd.DataFrame:
    """Mean share of changed regions over the range of rates that all codecs reach.

    Regions that every codec judged; the share between a codec's levels is interpolated over the
    logarithm of the mean bpp. Columns codec, share, from, to.
    """
    regions = tables.regions
    names = ["key", "region"]
    everywhere = regions.groupby(names)["codec"].transform("nunique") == len(tables.codecs)
    curves = (
        regions[everywhere]
        .groupby(["codec", "level"])
        .agg(share=("changed", "mean"), bpp=("bpp", "mean"))
    )
    ends = curves["bpp"].groupby("codec").agg(["min", "max"])
    if not len(ends) or ends["min"].max() >= ends["max"].min():
        return pd.DataFrame(columns=["codec", "share", "from", "to"])
    low, high = ends["min"].max(), ends["max"].min()
    points = np.linspace(np.log(low), np.log(high), RATES)
    lines = []
    for codec, curve in curves.groupby("codec"):
        ordered = curve.sort_values("bpp")
        share = np.interp(points, np.log(ordered["bpp"]), ordered["share"]).mean()
        lines.append({"codec": codec, "share": share, "from": low, "to": high})
    return pd.DataFrame(lines)


def small_text(tables: Tables) -> str:
    """Below which bpp text of 12 pixels height is lost with half probability."""
    regions = tables.regions
    low, high = TWELVE_PIXELS
    text = regions[(regions["content"] == "text") & regions["height"].between(low, high)]
    parts = []
    for codec, part in text.groupby("codec"):
        half = half_rate(part)
        if half.regions < FEWEST or np.isnan(half.bpp):
            parts.append(f"{codec}: not enough regions ({half.regions})")
        else:
            at, (least, most) = half.bpp, half.interval
            parts.append(f"{codec} {at:.2f} bpp ({least:.2f} to {most:.2f}, {half.regions} lines)")
    return (
        "Text of 11 to 13 pixels height is lost with half probability below: "
        + ("; ".join(parts) if parts else "no such text was judged")
        + "."
    )


def sharp_but_wrong(tables: Tables) -> str:
    """Whether generative codecs turn symbols into others, still legible, more often."""
    regions = regions_with_outcome(tables)
    regions = regions[regions["changed"] & regions["content"].isin(["text", "symbol"])]
    finest = regions.sort_values("level").drop_duplicates(["key", "codec", "region"], keep="last")
    sorts = {codec in GENERATIVE for codec in tables.codecs}
    if len(sorts) < 2:
        return "Generative codecs cannot be compared with others: only one sort was labelled."
    generative = finest["codec"].isin(GENERATIVE)
    if not generative.any() or generative.all():
        sort = "the others" if generative.any() else "the generative codecs"
        return f"Generative codecs cannot be compared with others: {sort} changed no symbol."
    wrong = finest["high_impact"].to_numpy(dtype=bool)
    own = generative.to_numpy()
    images = pd.factorize(finest["key"])[0].astype(np.intp)

    def difference(rows: np.ndarray) -> float:  # type: ignore[type-arg]
        mine, others = own[rows], ~own[rows]
        if not mine.any() or not others.any():
            return float("nan")
        return float(wrong[rows][mine].mean() - wrong[rows][others].mean())

    low, high = interval(images, difference)
    verdict = "more often" if low > 0 else "less often" if high < 0 else "about as often"
    return (
        f"Of the changed texts and symbols, generative codecs leave {wrong[own].mean():.1%} "
        f"legible and wrong, the others {wrong[~own].mean():.1%}: {verdict} "
        f"(difference {low:+.1%} to {high:+.1%}, {own.sum()} and {(~own).sum()} regions)."
    )
