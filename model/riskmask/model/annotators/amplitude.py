"""Amplitude: colour or brightness that visibly differs over a neighbourhood, detail that is gone.

A neighbourhood has a radius of about 8 pixels: the eye averages colour over such a patch, and so
noise and the ringing of a good JPEG cancel out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab

from riskmask.model.annotators.areas import Area, cell_means, connected_areas
from riskmask.model.annotators.base import Finding, KnownRegion, check_same_size

# A difference of 1 is about the least that an observer tells side by side (Sharma, Wu and Dalal,
# Color Research & Application 30, 2005, give the formula); several of them change a colour's name.
COLOUR = 5.0
COLOUR_TOP = 25.0  # the difference of severity 1
DETAIL = 2.2  # root mean square of the detail in L*, under which nobody would miss it
KEPT = 0.5  # share of the detail under which it counts as gone, and its inverse as invented
_FINE = 1.6  # pixels: detail is what a Gaussian of this width takes away
_REACH = 1.5  # cells: the neighbourhood's Gaussian
_LEAST = 10  # cells that a finding needs, 160 pixels


@dataclass(frozen=True)
class Look:
    """What the eye makes of a picture, per cell.

    Attributes:
        colour: (h, w, 3) float32, mean CIE L*a*b* of the neighbourhood.
        detail: (h, w) float32, root mean square of the fine detail of L*.
    """

    colour: NDArray[np.float32]
    detail: NDArray[np.float32]


class AmplitudeAnnotator:
    """Compares colour and detail everywhere; needs no known regions."""

    name = "amplitude"

    def examine(
        self, original: NDArray[np.uint8], regions: Sequence[KnownRegion]
    ) -> AmplitudeExamination:
        """Look at the original."""
        return AmplitudeExamination(original)


class AmplitudeExamination:
    """An original whose colours and detail are known."""

    def __init__(self, original: NDArray[np.uint8]) -> None:
        self._original = original
        self._look = look_at(original)

    def find(self, reconstruction: NDArray[np.uint8]) -> Sequence[Finding]:
        """Areas of another colour, and areas whose detail is gone or invented."""
        check_same_size(self._original, reconstruction)
        before, after = self._look, look_at(reconstruction)
        difference = np.asarray(deltaE_ciede2000(before.colour, after.colour), dtype=np.float32)  # type: ignore[no-untyped-call]
        size = self._original.shape[0], self._original.shape[1]
        findings = [
            _colour_finding(area, difference, before, after)
            for area in connected_areas(difference >= COLOUR, _LEAST, size)
        ]
        gone = (before.detail >= DETAIL) & (after.detail <= KEPT * before.detail)
        invented = (after.detail >= DETAIL) & (before.detail <= KEPT * after.detail)
        for cells in (gone, invented):
            findings += [
                _detail_finding(area, before, after)
                for area in connected_areas(cells, _LEAST, size)
            ]
        return findings


def look_at(image: NDArray[np.uint8]) -> Look:
    """Colour and detail of a picture, (H, W, 3) uint8 RGB."""
    lab = np.asarray(rgb2lab(image), dtype=np.float32)
    lightness = np.ascontiguousarray(lab[..., 0])
    detail = lightness - cv2.GaussianBlur(lightness, (0, 0), _FINE)
    return Look(
        colour=_around(cell_means(lab)),
        detail=np.sqrt(np.maximum(_around(cell_means(detail**2)), 0)),
    )


def _around(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    blurred = cv2.GaussianBlur(cells, (0, 0), _REACH, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, dtype=np.float32)


def _colour_finding(
    area: Area, difference: NDArray[np.float32], before: Look, after: Look
) -> Finding:
    inside = difference[area.mask]
    lighter = float((after.colour - before.colour)[area.mask][:, 0].mean())
    evidence = (
        f"colour differs by CIEDE2000 {inside.mean():.1f} (at most {inside.max():.1f}), lightness "
        f"by {lighter:+.1f}, over {area.pixels} pixels"
    )
    severity = min(float(inside.mean()) / COLOUR_TOP, 1.0)
    return _finding(area, severity, evidence)


def _detail_finding(area: Area, before: Look, after: Look) -> Finding:
    was, now = (float(np.sqrt((look.detail[area.mask] ** 2).mean())) for look in (before, after))
    what = "vanished" if now < was else "was invented"
    evidence = (
        f"fine detail {what}: contrast {was:.1f} → {now:.1f} in L*, over {area.pixels} pixels"
    )
    return _finding(area, 1.0 - min(was, now) / max(was, now), evidence)


def _finding(area: Area, severity: float, evidence: str) -> Finding:
    return Finding(
        region=None,
        content=None,
        kind="amplitude",
        high_impact=False,
        severity=severity,
        evidence=evidence,
        polygon=area.polygon,
        mask=area.mask,
    )
