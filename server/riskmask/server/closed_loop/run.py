"""Codes each picture by each target at each size by each method, and writes down what is left."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from riskmask.model.encoders.base import Encoded
from riskmask.model.encoders.errors import (
    EncoderError,
    EncoderFailedError,
    UnreachableSizeError,
)
from riskmask.model.runtime.components import find_components
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.closed_loop.allocation import Allocator, Hinted
from riskmask.server.closed_loop.coding import Coder
from riskmask.server.closed_loop.fidelity import fidelity
from riskmask.server.closed_loop.maps import (
    HINDSIGHT,
    METHODS,
    RISKMASK,
    UNIFORM,
    Lines,
    Score,
)
from riskmask.server.closed_loop.pictures import Specimen, cells_of
from riskmask.server.closed_loop.record import Run, Size, Trial
from riskmask.server.closed_loop.sizes import ChosenSize, Coded, find_size
from riskmask.server.closed_loop.witnesses import Judge, Witnesses
from riskmask.server.closed_loop.words import LegibleWords
from riskmask.server.engine.values import Policy

log = logging.getLogger(__name__)

FACTORS = (1.0, 0.7, 1.5)  # of the size at which about 30% of the words are lost


@dataclass(frozen=True)
class Bench:
    """All that the pictures have in common.

    Attributes:
        predictor, profiles, policy: of the engine.
        scores: of the methods that take riskmask's place.
        witnesses: who judge.
        coders: by target.
        hindsight: whether a map made in hindsight is coded too, at the first size.
    """

    predictor: Predictor
    profiles: Mapping[str, CodecProfile]
    policy: Policy
    scores: Mapping[str, Score]
    witnesses: Witnesses
    coders: Mapping[str, Coder]
    hindsight: bool = False

    def methods(self, factor: float) -> tuple[str, ...]:
        """What a picture is coded by at a size."""
        if self.hindsight and factor == FACTORS[0]:
            return (*METHODS, HINDSIGHT)
        return METHODS

    @property
    def each(self) -> int:
        """Trials of a picture and target."""
        return sum(len(self.methods(factor)) for factor in FACTORS)


def measure(bench: Bench, run: Run, specimen: Specimen) -> Iterator[int]:
    """Do what is not done yet of a picture.

    Yields:
        After each step how many trials of the picture are finished by it.
    """
    subject = _Subject(bench, run, specimen)
    for coder in bench.coders.values():
        chosen = subject.size(coder)
        if chosen.size_bytes is None:
            yield bench.each
            continue
        for factor in FACTORS:
            yield from subject.at(coder, factor, round(factor * chosen.size_bytes))


class _Subject:
    """A picture under way; what a step needs is made when the first one asks for it."""

    def __init__(self, bench: Bench, run: Run, specimen: Specimen) -> None:
        self._bench = bench
        self._run = run
        self._specimen = specimen
        self._image = specimen.image

    @cached_property
    def _words(self) -> LegibleWords:
        return self._bench.witnesses.legible(self._image, self._specimen.regions)

    @cached_property
    def _judge(self) -> Judge:
        return self._bench.witnesses.look(self._image, self._specimen.regions, self._words)

    @cached_property
    def _allocator(self) -> Allocator:
        bench = self._bench
        return Allocator(bench.predictor, bench.profiles, bench.scores, bench.policy, self._image)

    def size(self, coder: Coder) -> Size:
        """The size for a target, searched for or known."""
        known = self._run.sizes.get(self._specimen.key, coder.target)
        if known is not None:
            return known

        def code(size_bytes: int) -> Coded:
            data = coder.encode(self._image, size_bytes, None).data
            lost = self._words.lost(self._decoded(coder, data))
            return Coded(len(data), sum(lost.values()) / self._words.count)

        height, width = self._image.shape[:2]
        found, failed = ChosenSize(None, ()), None
        try:
            found = find_size(code, height * width)
        except EncoderFailedError as error:
            failed = str(error)
            log.warning("%s by %s: %s", self._specimen.key, coder.target, failed)
        size = Size(self._specimen.key, coder.target, found.size_bytes, found.tried, failed)
        self._run.sizes.add(size)
        return size

    def at(self, coder: Coder, factor: float, size_bytes: int) -> Iterator[int]:
        """All methods at one size; those with a hint may be as large as the uniform file came out.

        Yields:
            1 for each.
        """
        key, methods = self._specimen.key, self._bench.methods(factor)
        if all(self._run.trials.get(key, coder.target, f"{factor:g}", each) for each in methods):
            yield len(methods)
            return
        plain = self._encoded(coder, size_bytes, None)
        asked = len(plain.data) if isinstance(plain, Encoded) else size_bytes
        hinted = self._hinted(RISKMASK, coder, asked, plain)
        at_risk = self._regions(hinted.risk)
        for method in methods:
            if self._run.trials.get(key, coder.target, f"{factor:g}", method) is None:
                self._run.trials.add(self._trial(coder, factor, method, asked, plain, at_risk))
            yield 1

    def _trial(
        self,
        coder: Coder,
        factor: float,
        method: str,
        asked: int,
        plain: Encoded | EncoderError,
        at_risk: NDArray[np.bool_],
    ) -> Trial:
        specimen = self._specimen
        trial = Trial(specimen.key, specimen.source, coder.target, factor, method, asked)
        encoded = plain
        if method != UNIFORM:
            lines = self._lines(coder, factor) if method == HINDSIGHT else None
            hinted = self._hinted(method, coder, asked, plain, lines)
            trial = replace(trial, decision=hinted.decision)
            encoded = self._encoded(coder, asked, hinted.hint)
        if isinstance(encoded, EncoderError):
            failed = isinstance(encoded, EncoderFailedError)
            return replace(trial, error=str(encoded), failed=failed)
        name = f"{specimen.key}-{coder.target}-{factor:g}-{method}{coder.suffix}"
        self._run.keep(name, encoded.data)
        decoded = self._decoded(coder, encoded.data)
        parts = {
            "known": specimen.known,
            "risk": at_risk,
            "rest": ~(specimen.known | at_risk),
        }
        return replace(
            trial,
            size_bytes=len(encoded.data),
            quality=encoded.quality,
            file=name,
            judgement=self._judge(decoded),
            fidelity=fidelity(self._image, decoded, parts),
        )

    def _hinted(
        self,
        method: str,
        coder: Coder,
        asked: int,
        plain: Encoded | EncoderError,
        lines: Lines | None = None,
    ) -> Hinted:
        setting = plain.setting if isinstance(plain, Encoded) else None
        return self._allocator.hint(method, coder.target, coder.hint_format, asked, setting, lines)

    def _lines(self, coder: Coder, factor: float) -> Lines:
        """What became of the lines coded uniformly, the first trial of a size; lost without one."""
        plain = self._run.trials.get(self._specimen.key, coder.target, f"{factor:g}", UNIFORM)
        counted = self._words.regions
        lost = counted
        if plain is not None and plain.judgement is not None:
            lost = frozenset(plain.judgement.lost_by_region)
        return Lines(cells_of(self._specimen, lost), cells_of(self._specimen, counted - lost))

    def _regions(self, risk: NDArray[np.float32]) -> NDArray[np.bool_]:
        """The cells of the regions that riskmask would list."""
        height, width = self._image.shape[:2]
        policy = self._bench.policy
        found = find_components(risk, policy.threshold, policy.smallest_region, width, height)
        return found.labels >= 0

    def _encoded(self, coder: Coder, size_bytes: int, hint: bytes | None) -> Encoded | EncoderError:
        """A file, or why there is none."""
        try:
            return coder.encode(self._image, size_bytes, hint)
        except (UnreachableSizeError, EncoderFailedError) as error:
            return error

    def _decoded(self, coder: Coder, data: bytes) -> NDArray[np.uint8]:
        return coder.decode(data, self._image.shape[0], self._image.shape[1])
