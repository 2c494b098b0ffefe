"""Label rows as flat tables: a line for each region, picture and finding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from riskmask.model.data.label_rows import LabelRow
from riskmask.model.levels import ANCHORS
from riskmask.model.prevalence.features import RegionFeatures, measure_regions

_COMMON = ["key", "source", "codec", "level", "bpp"]
_FEATURES = [field.name for field in fields(RegionFeatures)]
# Of tables without a row, which take no columns from their rows.
_REGION_COLUMNS = [*_COMMON, "content", "region", "changed", *_FEATURES]
_PICTURE_COLUMNS = [*_COMMON, "judged", "changed", "pixels"]
_FINDING_COLUMNS = [
    *_COMMON,
    *("annotator", "content", "region", "kind", "high_impact", "severity", "evidence", "polygon"),
]


@dataclass(frozen=True)
class Tables:
    """The data set, flat.

    Attributes:
        regions: judged regions at each level: key, source, codec, level, bpp, content, region,
            changed, and the features.
        pictures: pictures at each level: key, source, codec, level, bpp, judged (regions),
            changed (whether any of them), pixels (share of the known area that changed).
        findings: key, source, codec, level, bpp, annotator, content, region, kind, high_impact,
            severity, evidence, polygon, and for each classic codec ``right NAME`` and ``bpp NAME``.
    """

    regions: pd.DataFrame
    pictures: pd.DataFrame
    findings: pd.DataFrame

    @property
    def codecs(self) -> list[str]:
        """Names, sorted."""
        return sorted(self.pictures["codec"].unique())


def build_tables(rows: Iterable[LabelRow], picture: Callable[[str], NDArray[np.uint8]]) -> Tables:
    """Flatten label rows that were read with their planes; rows with an error are left out.

    Args:
        rows: of one or several codecs; those of one picture stand together.
        picture: makes a picture of its key, (H, W, 3) uint8 RGB.
    """
    regions: list[dict[str, Any]] = []
    pictures: list[dict[str, Any]] = []
    findings: list[dict[str, Any]] = []
    last, features = "", []
    for row in rows:
        if row.error is not None:
            continue
        if row.key != last:
            last = row.key
            features = measure_regions(picture(row.key), [p.polygon for p in row.places])
        regions += _regions(row, features)
        pictures += _pictures(row)
        findings += _findings(row)
    return Tables(
        pd.DataFrame(regions, columns=None if regions else _REGION_COLUMNS),
        pd.DataFrame(pictures, columns=None if pictures else _PICTURE_COLUMNS),
        pd.DataFrame(findings, columns=None if findings else _FINDING_COLUMNS),
    )


def _common(row: LabelRow, level: int) -> dict[str, Any]:
    return {
        "key": row.key,
        "source": row.source,
        "codec": row.codec,
        "level": level,
        "bpp": row.bpp[level],
    }


def _regions(row: LabelRow, features: list[RegionFeatures]) -> Iterator[dict[str, Any]]:
    finest = {f.region: f.level for f in row.findings if f.region is not None}
    for index, place in enumerate(row.places):
        if not place.judged:
            continue
        for level in range(ANCHORS):
            yield {
                **_common(row, level),
                "content": place.content,
                "region": index,
                "changed": level <= finest.get(index, -1),
                **asdict(features[index]),
            }


def _pictures(row: LabelRow) -> Iterator[dict[str, Any]]:
    if row.labels is None:
        raise ValueError(f"{row.key} by {row.codec} was read without its planes")
    finest = max((f.level for f in row.findings if f.region is not None), default=-1)
    judged = sum(place.judged for place in row.places)
    known, count = row.labels.risk_valid(), row.labels.risk_count()
    for level in range(ANCHORS):
        share = float((count[known] > level).mean()) if known.any() else float("nan")
        yield {
            **_common(row, level),
            "judged": judged,
            "changed": level <= finest,
            "pixels": share,
        }


def _findings(row: LabelRow) -> Iterator[dict[str, Any]]:
    for finding in row.findings:
        yield {
            **_common(row, finding.level),
            "annotator": finding.annotator,
            "content": finding.content,
            "region": finding.region,
            "kind": finding.kind,
            "high_impact": finding.high_impact,
            "severity": finding.severity,
            "evidence": finding.evidence,
            "polygon": finding.polygon,
            **{f"right {c.codec}": c.right for c in finding.classic},
            **{f"bpp {c.codec}": c.bpp for c in finding.classic},
        }
