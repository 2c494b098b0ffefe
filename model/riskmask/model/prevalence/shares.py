"""Shares with their intervals: of pictures, regions and pixels, by codec, level, content, kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from riskmask.model.evaluate.bootstrap import interval
from riskmask.model.prevalence.tables import Tables

FEWEST = 30  # regions that a share must rest on


def share_of(table: pd.DataFrame, column: str, by: Sequence[str]) -> pd.DataFrame:
    """Mean of a column in each group, with a 95% bootstrap interval over pictures.

    Args:
        table: with ``key`` and ``bpp``.
        column: of truth values or shares; NaN is left out.
        by: columns that make the groups.

    Returns:
        The groups' columns, then ``share``, ``low``, ``high``, ``count``, ``pictures``, ``bpp``
        (mean over the group).
    """
    known = table[table[column].notna()]
    lines = []
    for group, part in known.groupby(list(by), sort=True, observed=True):
        values = part[column].to_numpy(dtype=np.float64)
        images = pd.factorize(part["key"])[0].astype(np.intp)
        low, high = interval(images, _mean_of(values))
        lines.append(
            {
                **dict(zip(by, group, strict=True)),
                "share": values.mean(),
                "low": low,
                "high": high,
                "count": len(values),
                "pictures": len(np.unique(images)),
                "bpp": part["bpp"].mean(),
            }
        )
    columns = [*by, "share", "low", "high", "count", "pictures", "bpp"]
    return pd.DataFrame(lines, columns=columns)


def _mean_of(values: NDArray[np.float64]) -> Callable[[NDArray[np.intp]], float]:
    return lambda rows: float(values[rows].mean())


def prevalence(tables: Tables) -> pd.DataFrame:
    """The CSV: every share by codec and level, a line each.

    Columns: ``what`` (images, regions, pixels, and regions by kind or impact), ``content``
    (``all`` or one), codec, level, bpp, share, low, high, count, pictures.
    """
    judged = tables.pictures[tables.pictures["judged"] > 0]
    by = ["codec", "level"]
    parts = [
        share_of(judged, "changed", by).assign(what="images", content="all"),
        share_of(tables.pictures, "pixels", by).assign(what="pixels", content="all"),
        share_of(tables.regions, "changed", by).assign(what="regions", content="all"),
        share_of(tables.regions, "changed", ["content", *by]).assign(what="regions"),
    ]
    outcomes = regions_with_outcome(tables)
    for name in ("amplitude", "geometry", "shape", "high_impact"):
        share = share_of(outcomes, name, ["content", *by])
        parts.append(share.assign(what=f"regions: {name.replace('_', ' ')}"))
    table = pd.concat(parts, ignore_index=True)
    columns = ["what", "content", "codec", "level", "bpp", "share", "low", "high"]
    return table[[*columns, "count", "pictures"]].round(5)


def regions_with_outcome(tables: Tables) -> pd.DataFrame:
    """Judged regions with what happened to them at each level: a column per kind and impact.

    The kind is that of the finding at the finest level where the region changes.
    """
    found = tables.findings[tables.findings["region"].notna()]
    keys = ["key", "codec", "region"]
    first = found[[*keys, "kind", "high_impact"]].drop_duplicates(keys)
    merged = tables.regions.merge(first.astype({"region": "int64"}), on=keys, how="left")
    changed = merged["changed"].astype(bool)
    for kind in ("amplitude", "geometry", "shape"):
        merged[kind] = changed & (merged["kind"] == kind)
    merged["high_impact"] = changed & merged["high_impact"].eq(True)
    return merged


def right_in_classics(findings: pd.DataFrame) -> pd.DataFrame:
    """Of findings, the share that each classic codec's file of at most the same bytes has right.

    Of a codec, only findings are compared that all classic codecs asked about it have a file for,
    or the shares would be of different findings.

    Args:
        findings: of :class:`~riskmask.model.prevalence.tables.Tables`.

    Returns:
        Columns codec, classic, compared, right in [0, 1] (NaN where nothing can be compared);
        sorted by classic, then codec.
    """
    columns = [column for column in findings.columns if column.startswith("right ")]
    lines = []
    for codec, part in findings.groupby("codec"):
        asked = [column for column in columns if part[column].notna().any()]
        known = part.dropna(subset=asked)
        lines += [
            (
                codec,
                column.removeprefix("right "),
                len(known),
                known[column].astype(bool).mean() if len(known) else np.nan,
            )
            for column in asked
        ]
    lines.sort(key=lambda line: (line[1], line[0]))
    return pd.DataFrame(lines, columns=["codec", "classic", "compared", "right"])
