"""What the labels say of a picture coded uniformly, level by level."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from riskmask.model.corpus import Side
from riskmask.model.data.label_rows import LabelFinding, LabelRow
from riskmask.model.data.pictures import is_for_calibration
from riskmask.model.data.recipe import Recipe
from riskmask.model.data.shards import LabelsError, read_rows


@dataclass(frozen=True)
class Labelled:
    """A picture coded uniformly by one codec at all levels, and judged.

    Attributes:
        key, source, image_sha256, codec: which.
        bpp: at the eight levels, the coarsest first.
        judged: regions that an annotator judged.
        changed: of the changed ones the finest level at which they change.
        grave: the finest level at which a region becomes another one, or at which a face changes.
    """

    key: str
    source: str
    image_sha256: str
    codec: str
    bpp: tuple[float, ...]
    judged: frozenset[int]
    changed: Mapping[int, int]
    grave: Mapping[int, int]

    def has_error(self, level: int) -> bool:
        """Whether it has a high-impact or face error at a level; those of finer ones count."""
        return any(finest >= level for finest in self.grave.values())


def is_grave(high_impact: bool, content: str | None) -> bool:
    """Whether a change counts for a decision: a text or symbol became another one, or a face."""
    return high_impact or content == "face"


def read_labelled(labels: Path, calibration: bool = False) -> list[Labelled]:
    """The pictures that training never saw, all codecs of one after the other.

    Ordered by a hash of the key, so that every beginning of the list is a mixture.

    Args:
        labels: folder of labels of the held-out side.
        calibration: of the training side instead, and of it the pictures that are kept out of
            training, on which a policy may be chosen.

    Raises:
        FileNotFoundError: there are no labels.
        LabelsError: they are of the other side.
    """
    wanted: Side = "train" if calibration else "test"
    side = Recipe.load(labels).side
    if side != wanted:
        raise LabelsError(
            f"{labels} holds labels of the {side} side, not of the {wanted} side; name labels made "
            f"with --side {wanted}, or {'leave out' if calibration else 'add'} --calibration"
        )
    rows = [
        row
        for row in read_rows(labels, planes=False)
        if row.error is None and (not calibration or is_for_calibration(row.key, row.source))
    ]
    rows.sort(key=lambda row: (hashlib.sha256(row.key.encode()).hexdigest(), row.codec))
    return [labelled_by(row) for row in rows]


def labelled_by(row: LabelRow) -> Labelled:
    """What a row of labels says."""
    regional = [(f.region, f) for f in row.findings if f.region is not None]

    def finest(chosen: list[tuple[int, int | None]]) -> dict[int, int]:
        levels: dict[int, int] = {}
        for region, level in chosen:
            if level is not None:
                levels[region] = max(levels.get(region, 0), level)
        return levels

    return Labelled(
        key=row.key,
        source=row.source,
        image_sha256=row.image_sha256,
        codec=row.codec,
        bpp=row.bpp,
        judged=frozenset(i for i, place in enumerate(row.places) if place.judged),
        changed=finest([(region, finding.level) for region, finding in regional]),
        grave=finest([(region, _grave_level(finding)) for region, finding in regional]),
    )


def _grave_level(finding: LabelFinding) -> int | None:
    return finding.level if finding.content == "face" else finding.finest_grave
