"""The label factory: picture x codec x level -> reconstruction -> findings -> label map.

Levels are visited from the coarsest to the finest. What changed at a finer level counts as
changed at every coarser one. A change counts when the next coarser level changes the region too: a
recogniser that stumbles once over a nearly perfect picture would otherwise condemn all levels. A
region that two levels in a row leave alone is not looked at any further, which spares most of the
work: of 388 verdicts on 25 pictures, coded by the reference and as JPEG, none would have differed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import Finding
from riskmask.model.codecs.base import Codec
from riskmask.model.codecs.learned import LearnedCodec
from riskmask.model.data.label_rows import ClassicVerdict, LabelFinding, LabelRow, Place, Polygon
from riskmask.model.data.packing import pack_cells
from riskmask.model.data.planes import LabelMap, Verdict, draw_labels, verdict_of
from riskmask.model.label.differential import area_verdicts, region_verdicts
from riskmask.model.label.subject import Subject
from riskmask.model.levels import ANCHORS


@dataclass(frozen=True)
class Located:
    """A finding, who made it, and at which level."""

    annotator: str
    level: int
    finding: Finding


class Factory:
    """Labels subjects with any codec.

    Args:
        reference: whose rates every label map carries.
    """

    def __init__(self, reference: LearnedCodec) -> None:
        self._reference = reference

    def label(self, subject: Subject, codec: Codec) -> LabelRow:
        """Judge a codec's reconstructions of a subject at all levels."""
        identity = codec.identity
        is_reference = identity == self._reference.identity
        bpp = [0.0] * ANCHORS
        areas: list[tuple[Located, tuple[ClassicVerdict, ...]]] = []
        regions = _Suspects(subject)
        for level in range(ANCHORS):
            if not regions.doubtful and not subject.areal:
                bpp[level] = codec.bpp(subject.picture.image, level)
                continue
            coded = codec.reconstruct(subject.picture.image, level)
            bpp[level] = coded.bpp
            if is_reference and coded.rate_map is not None:
                subject.rates[level] = coded.rate_map.astype(np.float16)
            regions.judge(coded.image, level)
            for name, examination in subject.areal.items():
                found = examination.find(coded.image)
                verdicts = area_verdicts(subject, name, coded.bpp, found)
                areas += [
                    (Located(name, level, finding), verdict)
                    for finding, verdict in zip(found, verdicts, strict=True)
                ]
        classic = region_verdicts(
            subject, {i: (f.annotator, bpp[f.level]) for i, f in regions.confirmed.items()}
        )
        findings = [(found, classic[index]) for index, found in regions.confirmed.items()]
        ordered = sorted([*findings, *areas], key=lambda pair: -pair[0].level)
        places = (*subject.picture.regions, *subject.picture.unjudged)
        judged = subject.judges()
        return LabelRow(
            key=subject.key,
            codec=codec.name,
            codec_sha256=identity,
            image_sha256=subject.image_sha256,
            source=subject.picture.source,
            licence_class=subject.picture.licence_class,
            scale=subject.picture.scale,
            width=subject.picture.image.shape[1],
            height=subject.picture.image.shape[0],
            bpp=tuple(bpp),
            places=tuple(
                Place(region.content, region.polygon, index in judged)
                for index, region in enumerate(places)
            ),
            findings=tuple(
                _row(located, verdicts, regions.grave_level(located.finding.region))
                for located, verdicts in ordered
            ),
            labels=_planes(subject, regions.confirmed, subject.reference_rates(self._reference)),
        )


class _Suspects:
    """Regions on their way from the coarsest level to the finest.

    Attributes:
        doubtful: which annotator judges each region that a finer level may still change.
        confirmed: what is known of each changed region, at the finest level so far.
        grave: the finest level so far at which a region became another one.
    """

    def __init__(self, subject: Subject) -> None:
        self._examinations = subject.regional
        self.doubtful = subject.judges()
        self.confirmed: dict[int, Located] = {}
        self.grave: dict[int, int] = {}
        self._changed = set(self.doubtful)  # by the level before; nothing is coarser than 0

    def grave_level(self, region: int | None) -> int | None:
        """The finest level at which a region became another one; None where it never did."""
        return None if region is None else self.grave.get(region)

    def judge(self, reconstruction: NDArray[np.uint8], level: int) -> None:
        """Judge the regions that two levels in a row have not left alone."""
        found = {
            index: Located(name, level, finding)
            for name, examination in self._examinations.items()
            for index, finding in sorted(
                examination.judge(
                    reconstruction, [i for i, judge in self.doubtful.items() if judge == name]
                ).items()
            )
        }
        for index in list(self.doubtful):
            if index in self._changed and index in found:
                self.confirmed[index] = found[index]
                if found[index].finding.high_impact:
                    self.grave[index] = level
            elif index not in self._changed and index not in found:
                del self.doubtful[index]
        self._changed = set(found)


def _planes(
    subject: Subject, confirmed: Mapping[int, Located], rates: NDArray[np.float16]
) -> LabelMap:
    picture, judged = subject.picture, subject.judges()
    verdicts = []
    for index in range(len(picture.regions)):
        found = confirmed.get(index)
        verdicts.append(verdict_of({found.level: found.finding} if found else {}, index in judged))
    verdicts += [Verdict(judged=False, findings={}, count=0)] * len(picture.unjudged)
    size = picture.image.shape[0], picture.image.shape[1]
    regions = (*picture.regions, *picture.unjudged)
    return draw_labels(size, regions, verdicts, picture.complete, rates)


def _row(
    located: Located, classic: tuple[ClassicVerdict, ...], grave_level: int | None
) -> LabelFinding:
    finding = located.finding
    return LabelFinding(
        annotator=located.annotator,
        level=located.level,
        region=finding.region,
        content=finding.content,
        kind=finding.kind,
        high_impact=bool(finding.high_impact),
        severity=float(finding.severity),
        evidence=finding.evidence,
        polygon=_rounded(finding.polygon),
        mask=None if finding.mask is None else pack_cells(finding.mask),
        classic=classic,
        grave_level=grave_level,
    )


def _rounded(polygon: Polygon) -> Polygon:
    return tuple((round(float(x), 1), round(float(y), 1)) for x, y in polygon)
