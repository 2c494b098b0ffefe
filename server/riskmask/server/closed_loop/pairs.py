"""Pairs to look at: a place of the original, as it came out uniformly coded, and with the hints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.pages import side_by_side, widened
from riskmask.server.closed_loop.figures import why_not_compared
from riskmask.server.closed_loop.maps import RISKMASK, UNIFORM
from riskmask.server.closed_loop.pictures import Specimen
from riskmask.server.closed_loop.record import Trial
from riskmask.server.closed_loop.witnesses import Judgement

WIDEST = 240  # pixels of a place that is shown


@dataclass(frozen=True)
class Pair:
    """One place of one picture.

    Attributes:
        picture, target: which.
        text: what stands there.
        lost_uniform, lost_hinted: words lost there, out of the whole picture's ``words``.
        bytes_uniform, bytes_hinted: of the files.
        strip: original, uniform and hinted side by side, as the data URL of a PNG.
    """

    picture: str
    target: str
    text: str
    lost_uniform: int
    lost_hinted: int
    words: int
    bytes_uniform: int
    bytes_hinted: int
    strip: str


@dataclass(frozen=True)
class Contrast:
    """A picture's two trials, both with a file, and the region in which they differ most."""

    plain: Trial
    hinted: Trial
    region: int
    difference: int


def contrasts(trials: Sequence[Trial], factor: float) -> list[Contrast]:
    """Every picture at one size whose words differ, the greatest gain by the hints first.

    Files whose bytes differ by more than 3% are left out, as in the table.
    """
    by_picture: dict[tuple[str, str], dict[str, Trial]] = {}
    for trial in trials:
        asked = trial.factor == factor and trial.method in (UNIFORM, RISKMASK)
        if asked and trial.judgement is not None:
            by_picture.setdefault((trial.target, trial.picture), {})[trial.method] = trial
    found = [
        _contrast(by_method[UNIFORM], by_method[RISKMASK])
        for by_method in by_picture.values()
        if why_not_compared(by_method, (UNIFORM, RISKMASK)) is None
    ]
    known = [contrast for contrast in found if contrast is not None]
    return sorted(known, key=lambda each: (-each.difference, each.plain.place))


def extremes(found: Sequence[Contrast], best: int, worst: int) -> list[Contrast]:
    """The pictures that gained most and those that lost most, so that neither is hidden."""
    losing = [each for each in found if each.difference < 0][-worst:] if worst else []
    return [*[each for each in found if each.difference > 0][:best], *losing]


def draw(
    chosen: Sequence[Contrast],
    specimens: Mapping[str, Specimen],
    decode: Callable[[Trial], NDArray[np.uint8]],
) -> Iterator[Pair]:
    """The pairs of contrasts.

    Args:
        chosen: what to show.
        specimens: their pictures, by key.
        decode: the decoded picture of a trial.
    """
    for contrast in chosen:
        plain, hinted = contrast.plain, contrast.hinted
        specimen = specimens[plain.picture]
        region = specimen.regions[contrast.region]
        rows, columns = _window(region.polygon, specimen.image.shape[0], specimen.image.shape[1])
        shown = [specimen.image, decode(plain), decode(hinted)]
        yield Pair(
            picture=plain.picture,
            target=plain.target,
            text=region.transcription or "not transcribed",
            lost_uniform=_said(plain).lost_words,
            lost_hinted=_said(hinted).lost_words,
            words=_said(plain).words,
            bytes_uniform=plain.size_bytes or 0,
            bytes_hinted=hinted.size_bytes or 0,
            strip=side_by_side(*(picture[rows, columns] for picture in shown)),
        )


def _contrast(plain: Trial, hinted: Trial) -> Contrast | None:
    before, after = _said(plain), _said(hinted)
    total = before.lost_words - after.lost_words
    regions = {*before.lost_by_region, *after.lost_by_region}
    if total == 0 or not regions:
        return None

    def kept(region: int) -> int:
        return before.lost_by_region.get(region, 0) - after.lost_by_region.get(region, 0)

    sign = 1 if total > 0 else -1
    most = max(sorted(regions), key=lambda region: sign * kept(region))
    return Contrast(plain, hinted, most, total)


def _said(trial: Trial) -> Judgement:
    if trial.judgement is None:
        raise ValueError(f"nobody judged {' '.join(trial.place)}")
    return trial.judgement


def _window(polygon: Sequence[tuple[float, float]], height: int, width: int) -> tuple[slice, slice]:
    corners = np.asarray(polygon)
    left, top = (int(value) for value in np.floor(corners.min(axis=0)))
    right, bottom = (int(value) for value in np.ceil(corners.max(axis=0)))
    columns = widened(max(left, 0), min(right, left + WIDEST), width)
    return widened(max(top, 0), min(bottom, top + WIDEST), height), columns
