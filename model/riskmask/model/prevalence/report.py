"""The report: two CSV files, and one HTML page with the figures and a gallery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from riskmask.model.codecs.base import Codec
from riskmask.model.pages import render_page
from riskmask.model.prevalence.answers import sharp_but_wrong, small_text, worst_codec
from riskmask.model.prevalence.figures import share_over_feature, share_over_rate
from riskmask.model.prevalence.gallery import exhibits, worst_of_kind
from riskmask.model.prevalence.influence import RANGES, share_by_feature
from riskmask.model.prevalence.shares import prevalence, right_in_classics
from riskmask.model.prevalence.tables import Tables
from riskmask.model.whole_file import write_whole

KINDS = ("amplitude", "geometry", "shape")
EXHIBITS = 6  # of each kind
DRAWN_LEVELS = 5  # the coarsest; at the others next to nothing changes


def write_report(
    tables: Tables,
    out: Path,
    shown: pd.DataFrame,
    picture: Callable[[str], NDArray[np.uint8]],
    codecs: Callable[[str], Codec],
) -> Path:
    """Write ``index.html``, ``prevalence.csv`` and ``influence.csv``; returns the page.

    Args:
        tables: the data set.
        out: folder.
        shown: the findings that the gallery may show.
        picture: of a key, (H, W, 3) uint8 RGB.
        codecs: by name.

    Raises:
        ValueError: no region was judged.
    """
    out.mkdir(parents=True, exist_ok=True)
    shares = prevalence(tables)
    parts = [
        share_by_feature(part, feature).assign(content=content)
        for content, part in tables.regions.groupby("content")
        for feature in RANGES
    ]
    if not parts:
        raise ValueError(
            "no region was judged in these labels; label pictures with text or symbols"
        )
    influence = pd.concat(parts, ignore_index=True)
    page = out / "index.html"
    text = render_page(
        "riskmask.model.prevalence",
        pictures=tables.pictures["key"].nunique(),
        codecs=tables.codecs,
        findings=f"{len(tables.findings):,}",
        changed=f"{int(tables.regions['changed'].sum()):,}",
        answers=[worst_codec(tables), small_text(tables), sharp_but_wrong(tables)],
        counted=COUNTED,
        counts=_counts(tables),
        classics=_classics(tables.findings),
        shares=_share_drawings(shares),
        influences=_influence_drawings(influence),
        galleries=[
            (kind, exhibits(worst_of_kind(shown, kind, EXHIBITS), picture, codecs))
            for kind in KINDS
        ],
    )
    # The page last: whoever sees it finds its tables.
    write_whole(out / "prevalence.csv", shares.to_csv(index=False))
    write_whole(out / "influence.csv", influence.round(5).to_csv(index=False))
    write_whole(page, text)
    return page


COUNTED = ("text", "symbol", "face", "elsewhere", *KINDS, "high impact")


def _counts(tables: Tables) -> list[list[str]]:
    lines = []
    for codec in [*tables.codecs, "all"]:
        part = tables.findings
        part = part if codec == "all" else part[part["codec"] == codec]
        numbers = [int((part["content"] == name).sum()) for name in ("text", "symbol", "face")]
        numbers.append(int(part["content"].isna().sum()))
        numbers += [int((part["kind"] == kind).sum()) for kind in KINDS]
        numbers.append(int(part["high_impact"].astype(bool).sum()))
        lines.append([codec, *(f"{number:,}" for number in numbers)])
    return lines


def _classics(findings: pd.DataFrame) -> list[list[str]]:
    compared = right_in_classics(findings)
    return [
        [
            row.codec,
            row.classic,
            f"{row.compared:,}",
            "none to compare" if pd.isna(row.right) else f"{row.right:.1%}",
        ]
        for row in compared.itertuples(index=False)
    ]


def _share_drawings(shares: pd.DataFrame) -> list[str]:
    drawings = []
    for what, content in shares[["what", "content"]].drop_duplicates().itertuples(index=False):
        part = shares[(shares["what"] == what) & (shares["content"] == content)]
        if part["share"].max() > 0:
            title = what if content == "all" else f"{what}, {content}"
            drawings.append(share_over_rate(part, title))
    return drawings


def _influence_drawings(influence: pd.DataFrame) -> list[tuple[str, Sequence[str]]]:
    coarse = influence[influence["level"] < DRAWN_LEVELS]
    sections: list[tuple[str, Sequence[str]]] = []
    for (content, codec), part in coarse.groupby(["content", "codec"]):
        drawings = [
            share_over_feature(of_feature, feature)
            for feature in RANGES
            if len(of_feature := part[part["feature"] == feature])
        ]
        sections.append((f"{content}, {codec}", drawings))
    return sections
