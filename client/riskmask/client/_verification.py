"""What a verification is asked and what it says. Frozen values; ``to_dict()`` gives the JSON.

Coordinates are pixels of the upright image, x to the right and y down.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from riskmask.client._miscompression import ChangeKind, ContentType
from riskmask.client._types import ImageFacts

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class KnownRegion:
    """A place in the original whose content is known. A symbol without an icon is a barcode.

    Attributes:
        content: what is there.
        box: x, y, width, height; or a polygon in its place.
        polygon: at least three (x, y) corners, clockwise from the text's top left.
        transcription: what the text or the barcode says, where that is known.
        icon: family and name of an icon in the server's folder, which fills the box.
    """

    content: ContentType | str
    box: Box | None = None
    polygon: tuple[tuple[int, int], ...] = ()
    transcription: str | None = None
    icon: tuple[str, str] | None = None


class VerifyOptions(TypedDict, total=False):
    """What a verification may be told beside the images.

    Attributes:
        known_regions: what is known of the original; without them, text, faces and barcodes are
            searched for.
        annotators: names of those to run; all that the server has unless given.
        priority: ``live`` while somebody waits, ``batch`` for a back catalogue.
    """

    known_regions: Iterable[KnownRegion]
    annotators: Iterable[str]
    priority: Literal["live", "batch"]


@dataclass(frozen=True)
class FindingMask:
    """The changed cells of a finding's box as 8-bit grey PNG; one covers stride x stride pixels."""

    png: bytes
    stride: int

    def to_array(self) -> NDArray[np.bool_]:
        """(ceil(H / stride), ceil(W / stride)) bool, H and W the box's."""
        with Image.open(BytesIO(self.png), formats=["PNG"]) as picture:
            return np.asarray(np.array(picture.convert("L")) > 127)


@dataclass(frozen=True)
class ExaminedRegion:
    """A region that was looked at by itself.

    Attributes:
        content: what is there.
        box: x, y, width, height.
        polygon: outline, at least three (x, y) corners, not closed.
        judged: whether a change would have been told; False where the original itself was not
            read surely, so that no finding means nothing.
    """

    content: ContentType
    box: Box
    polygon: tuple[tuple[int, int], ...]
    judged: bool


@dataclass(frozen=True)
class Finding:
    """A miscompression that was measured.

    Attributes:
        annotator: which one says so.
        kind: what happened.
        content: what is there; None where nobody said.
        high_impact: a symbol became another one: a letter, a digit, a sign, an icon.
        severity: in [0, 1], by the annotator's own scale.
        evidence: what was seen, in words: ``'SPEED 60' → 'SPEED 80'``.
        box: x, y, width, height.
        polygon: outline, at least three (x, y) corners, not closed.
        region: index into ``Verification.examined``; None where it is about none of them.
        mask: the changed cells of the box; None where all of it is meant.
    """

    annotator: str
    kind: ChangeKind
    content: ContentType | None
    high_impact: bool
    severity: float
    evidence: str
    box: Box
    polygon: tuple[tuple[int, int], ...]
    region: int | None = None
    mask: FindingMask | None = None


@dataclass(frozen=True)
class Verification:
    """What a reconstruction changed.

    Attributes:
        findings: the most severe first.
        original, reconstruction: both images as they were understood.
        examined: known regions in the order given, or what was found in the original.
        annotators: names of those that ran.
    """

    findings: tuple[Finding, ...]
    original: ImageFacts
    reconstruction: ImageFacts
    examined: tuple[ExaminedRegion, ...]
    annotators: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """What goes into JSON: everything but the bytes of masks."""
        return {
            "findings": [_finding_dict(finding) for finding in self.findings],
            "original": _facts_dict(self.original),
            "reconstruction": _facts_dict(self.reconstruction),
            "examined": [
                {
                    "content": str(region.content),
                    "box": list(region.box),
                    "polygon": [list(corner) for corner in region.polygon],
                    "judged": region.judged,
                }
                for region in self.examined
            ],
            "annotators": list(self.annotators),
        }

    def to_json(self) -> str:
        """:meth:`to_dict` as indented JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)


def _finding_dict(finding: Finding) -> dict[str, Any]:
    return {
        "annotator": finding.annotator,
        "kind": str(finding.kind),
        "content": None if finding.content is None else str(finding.content),
        "high_impact": finding.high_impact,
        "severity": finding.severity,
        "evidence": finding.evidence,
        "box": list(finding.box),
        "polygon": [list(corner) for corner in finding.polygon],
        "region": finding.region,
    }


def _facts_dict(facts: ImageFacts) -> dict[str, Any]:
    return {**vars(facts), "notes": list(facts.notes)}
