"""What the annotators say of real codecs: no truth is known there, but shares can be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from riskmask.model.annotators.base import Annotator, Finding, KnownRegion
from riskmask.model.annotators.region_verdicts import RegionVerdicts
from riskmask.model.codecs.classic import ClassicCodec
from riskmask.model.codecs.hyperprior import Hyperprior
from riskmask.model.data.planes import cells_of
from riskmask.model.plants.pairs import Pixels
from riskmask.model.plants.score import Share

LEVELS = (0, 2, 4, 6)


@dataclass
class Row:
    """One codec at one level of the reference codec.

    Attributes:
        codec: its name.
        level: of the reference codec; a classic codec has the largest file of at most that size.
        bpp: bits per pixel, one for each picture.
        areas: by annotator, the share of each picture's cells on which it has a finding.
        regions: by annotator that judges regions, how many it judged changed, of how many.
    """

    codec: str
    level: int
    bpp: list[float] = field(default_factory=list)
    areas: dict[str, list[float]] = field(default_factory=dict)
    regions: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def area(self, annotator: str) -> float:
        """Mean share of a picture."""
        return float(np.mean(self.areas[annotator]))

    def changed(self, annotator: str) -> Share:
        """Regions judged changed, of those that can be judged."""
        counts = self.regions[annotator]
        return Share(sum(found for found, _ in counts), sum(judged for _, judged in counts))


def measure_reconstructions(
    pictures: Iterator[tuple[Pixels, tuple[KnownRegion, ...]]],
    count: int,
    annotators: Mapping[str, Annotator],
    neural: Hyperprior,
    classic: ClassicCodec,
) -> Sequence[Row]:
    """Run all annotators on reconstructions by both codecs at equal sizes."""
    names = (neural.name, classic.name)
    rows = {(name, level): Row(name, level) for name in names for level in LEVELS}
    for image, regions in tqdm(pictures, desc="reconstructions", total=count, unit="image"):
        examinations = {name: a.examine(image, regions) for name, a in annotators.items()}
        pixels = image.shape[0] * image.shape[1]
        ladder = classic.climb(image)
        for level in LEVELS:
            coded = neural.reconstruct(image, level)
            made = [(rows[neural.name, level], coded.image, coded.bpp)]
            rung = ladder.partner(int(coded.bpp * pixels / 8))
            if rung is not None:
                bpp = 8 * rung.size / pixels
                made.append((rows[classic.name, level], ladder.reconstruct(rung), bpp))
            for row, reconstruction, bpp in made:
                row.bpp.append(bpp)
                for name, examination in examinations.items():
                    findings = examination.find(reconstruction)
                    if isinstance(examination, RegionVerdicts):
                        counts = len(findings), len(examination.judged)
                        row.regions.setdefault(name, []).append(counts)
                    else:
                        area = flagged_share(findings, (image.shape[0], image.shape[1]))
                        row.areas.setdefault(name, []).append(area)
    return [row for row in rows.values() if row.bpp]


def flagged_share(findings: Sequence[Finding], size: tuple[int, int]) -> float:
    """Share of a picture's cells on which there is a finding.

    Args:
        findings: any.
        size: height, width of the picture in pixels.
    """
    if not findings:
        return 0.0
    cells = np.logical_or.reduce([cells_of(finding, size) for finding in findings])
    return float(cells.mean())
