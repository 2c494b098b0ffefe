"""Codes a picture as the answers say, by the reference codec and as JPEG, and has it judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import RegionAnnotator
from riskmask.model.data.labelled import Labelled
from riskmask.model.encoders.errors import EncoderFailedError, UnreachableSizeError
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.closed_loop.coding import Coder
from riskmask.server.closed_loop.pictures import Specimen
from riskmask.server.decision_bench.answers import Answer
from riskmask.server.decision_bench.jpegs import (
    SmallestSafe,
    Written,
    read_jpeg,
    smallest_safe,
    write_jpeg,
)
from riskmask.server.decision_bench.jury import Sitting
from riskmask.server.decision_bench.record import (
    HINTED,
    RAISED,
    UNIFORM,
    Coding,
    JpegTrial,
    Run,
    place_of,
    place_of_jpeg,
)
from riskmask.server.engine.jpeg import FULL_COLOUR
from riskmask.server.engine.values import Decision

REFERENCE = "hyperprior"  # the codec that obeys hints
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Wish:
    """One coding that the answers of a picture ask for."""

    way: str
    answer: Answer


def wishes(answers: Iterable[Answer], judged: bool) -> list[Wish]:
    """What has to be coded for a picture: nothing where no region is judged."""
    if not judged:
        return []
    own = sorted((a for a in answers if a.codec == REFERENCE), key=lambda answer: answer.level)
    wanted = []
    for answer in own:
        if answer.decision in (Decision.FALLBACK_JPEG.value, Decision.ENCODE_WITH_HINTS.value):
            wanted += [Wish(UNIFORM, answer), Wish(HINTED, answer)]
    raised = [answer for answer in own if answer.decision == Decision.RAISE_RATE.value]
    return [*wanted, *(Wish(RAISED, answer) for answer in raised[:1])]


def jpeg_advice(answers: Iterable[Answer]) -> Answer | None:
    """The answer with the JPEG for a picture at risk, which is the same at every rate.

    One that decides for it where there is one; None where the picture is never at risk.
    """
    at_risk = [answer for answer in answers if answer.jpeg_subsampling == FULL_COLOUR]
    advised = (a for a in at_risk if a.decision == Decision.FALLBACK_JPEG.value)
    return next(advised, at_risk[0] if at_risk else None)


def unfinished(run: Run, groups: Sequence[Sequence[Labelled]]) -> list[str]:
    """A sentence on files that were not made yet, where there are any."""
    given: dict[str, list[Answer]] = {}
    for answer in run.answers.all():
        given.setdefault(answer.picture, []).append(answer)
    wanted, made = 0, 0
    for rows in groups:
        reference = next((row for row in rows if row.codec == REFERENCE), None)
        answers = given.get(rows[0].key, [])
        if reference is None:
            continue
        places = [
            place_of(wish.answer.picture, wish.way, wish.answer.level)
            for wish in wishes(answers, bool(reference.judged))
        ]
        advice = jpeg_advice(answers)
        wanted += len(places) + (advice is not None)
        made += sum(run.codings.get(*place) is not None for place in places)
        made += advice is not None and run.jpegs.get(*place_of_jpeg(advice)) is not None
    if made == wanted:
        return []
    return [f"**The run is not finished**: {made} of {wanted} files are coded and judged."]


class Coded:
    """A picture under way.

    Args:
        coder: of the reference codec.
        annotators: who judge.
        jpeg_profile: which quality is a level coarser.
        specimen: the picture.
        labelled: what the labels say of it, by the reference codec.
        hint: the hint for a rate in bpp.
    """

    def __init__(
        self,
        coder: Coder,
        annotators: Sequence[RegionAnnotator],
        jpeg_profile: CodecProfile,
        specimen: Specimen,
        labelled: Labelled,
        hint: Callable[[float], bytes],
    ) -> None:
        self._coder = coder
        self._annotators = annotators
        self._jpeg_profile = jpeg_profile
        self._specimen = specimen
        self._labelled = labelled
        self._hint = hint
        self._image = specimen.image

    @cached_property
    def _sitting(self) -> Sitting:
        return Sitting(self._annotators, self._specimen, self._labelled.judged)

    def make(self, wish: Wish, run: Run) -> Coding:
        """Code and judge; what is hinted is at most as large as what was coded uniformly before."""
        answer = wish.answer
        hint = self._hint(answer.asked_bpp) if wish.way == HINTED else None
        asked = self._bytes(answer.asked_bpp)
        if wish.way == RAISED:
            asked = self._bytes(answer.safe_bpp or answer.asked_bpp)
        elif wish.way == HINTED:
            plain = run.codings.get(*place_of(self._specimen.key, UNIFORM, answer.level))
            asked = asked if plain is None else plain.size_bytes or asked
        coding = Coding(self._specimen.key, wish.way, answer.level, asked)
        try:
            data = self._file(wish.way, asked, hint)
        except (UnreachableSizeError, EncoderFailedError) as error:
            failed = isinstance(error, EncoderFailedError)
            return replace(coding, error=str(error), failed=failed)
        shrunk = round(len(data) * self._shrinkage(8 * len(data) / self._pixels))

        def coarser() -> Pixels | None:
            try:
                return self._decoded(self._coder.encode(self._image, shrunk, hint).data)
            except (UnreachableSizeError, EncoderFailedError):
                return None

        outcome = self._sitting.judge(self._decoded(data), coarser)
        return replace(coding, size_bytes=len(data), outcome=outcome)

    def _file(self, way: str, asked: int, hint: bytes | None) -> bytes:
        """As asked; uniformly the smallest there is, where the labels' rate tells a little less."""
        try:
            return self._coder.encode(self._image, asked, hint).data
        except UnreachableSizeError as error:
            if way != UNIFORM:
                raise
            return self._coder.encode(self._image, error.smallest, hint).data

    def jpeg(self, answer: Answer) -> JpegTrial:
        """Write the JPEG of an answer, judge it; of a fallback, find the smallest safe one."""
        quality, subsampling = answer.jpeg_quality, answer.jpeg_subsampling
        data = write_jpeg(self._image, quality, subsampling)
        outcome, smallest = None, SmallestSafe(None, None)
        if self._labelled.judged:

            def coarser() -> Pixels | None:
                level = self._jpeg_profile.level_of_quality(quality) - 1
                lower = int(self._jpeg_profile.quality_of_level(level))
                if lower >= quality:
                    return None
                return read_jpeg(write_jpeg(self._image, lower, subsampling))

            @cache
            def look(quality: int) -> Written:
                written = write_jpeg(self._image, quality, subsampling)
                found = self._sitting.look(read_jpeg(written))
                grave = frozenset(index for index, is_grave in found.items() if is_grave)
                return Written(len(written), frozenset(found), grave)

            outcome = self._sitting.judge(read_jpeg(data), coarser)
            if answer.decision == Decision.FALLBACK_JPEG.value:
                smallest = smallest_safe(look)
        return JpegTrial(
            picture=self._specimen.key,
            quality=quality,
            subsampling=subsampling,
            predicted_bytes=answer.jpeg_bytes,
            size_bytes=len(data),
            safe=answer.jpeg_safe,
            outcome=outcome,
            advised=answer.decision == Decision.FALLBACK_JPEG.value,
            smallest_quality=smallest.quality,
            smallest_bytes=smallest.size_bytes,
        )

    @property
    def _pixels(self) -> int:
        return self._image.shape[0] * self._image.shape[1]

    def _bytes(self, bpp: float) -> int:
        return max(round(bpp * self._pixels / 8), 1)

    def _shrinkage(self, bpp: float) -> float:
        """By how much a file of that rate shrinks when it is coded a level coarser."""
        rates = self._labelled.bpp
        here = min(range(1, len(rates)), key=lambda level: abs(rates[level] - bpp))
        return rates[here - 1] / rates[here]

    def _decoded(self, data: bytes) -> Pixels:
        return self._coder.decode(data, self._image.shape[0], self._image.shape[1])
