"""Of each finding it is recorded whether a classic codec at equal bytes got the place right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from riskmask.model.annotators.base import Finding, KnownRegion
from riskmask.model.codecs import classic_codec
from riskmask.model.codecs.hyperprior import Hyperprior
from riskmask.model.data.items import Picture
from riskmask.model.label.differential import area_verdicts, region_verdicts
from riskmask.model.label.factory import Factory
from riskmask.model.label.subject import Subject, Table

Pixels = NDArray[np.uint8]
LEFT = ((0.0, 0.0), (32.0, 0.0), (32.0, 96.0), (0.0, 96.0))
RIGHT = ((64.0, 0.0), (96.0, 0.0), (96.0, 96.0), (64.0, 96.0))


def _finding(region: int | None, polygon: tuple[tuple[float, float], ...]) -> Finding:
    content = None if region is None else "text"
    return Finding(region, content, "shape", False, 1.0, "darker", polygon)


class _Fidelity:
    """Holds a mean error of over ``limit`` grey values against a region; a ruler, not a reader."""

    name = "fidelity"

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self.judged = (0, 1)
        self.seen: list[tuple[int, ...]] = []

    def examine(self, original: Pixels, regions: Sequence[KnownRegion]) -> _Fidelity:
        self._original = original.astype(int)
        return self

    def find(self, reconstruction: Pixels) -> list[Finding]:
        return list(self.judge(reconstruction).values())

    def judge(
        self, reconstruction: Pixels, regions: Iterable[int] | None = None
    ) -> dict[int, Finding]:
        asked = tuple(self.judged if regions is None else regions)
        self.seen.append(asked)
        error = np.abs(reconstruction.astype(int) - self._original)
        halves = error[:, :32].mean(), error[:, 64:].mean()
        polygons = LEFT, RIGHT
        return {i: _finding(i, polygons[i]) for i in asked if halves[i] > self._limit}


class _Everywhere:
    """The same without regions."""

    name = "everywhere"

    def __init__(self, limit: float) -> None:
        self._inner = _Fidelity(limit)

    def examine(self, original: Pixels, regions: Sequence[KnownRegion]) -> _Everywhere:
        self._inner.examine(original, regions)
        return self

    def find(self, reconstruction: Pixels) -> list[Finding]:
        return [_finding(None, f.polygon) for f in self._inner.find(reconstruction)]


@pytest.fixture(scope="module")
def half(astronaut: Pixels) -> Picture:
    """Busy on the left, flat on the right: any JPEG gets the right half right."""
    image = np.full((96, 96, 3), 127, np.uint8)
    image[:, :48] = astronaut[200:296, 200:248]
    regions = KnownRegion("text", LEFT), KnownRegion("text", RIGHT)
    return Picture(image, regions, (), frozenset(), "tests", "permissive")


@pytest.fixture
def prepared(half: Picture) -> Callable[..., Subject]:
    def prepare(annotator: _Fidelity | _Everywhere, classics: Sequence[str] = ("jpeg",)) -> Subject:
        table = Table({annotator.name: annotator}, [classic_codec(name) for name in classics])
        return table.prepare("half", half)

    return prepare


def test_the_same_annotator_judges_the_largest_file_that_is_not_larger(
    prepared: Callable[..., Subject],
) -> None:
    annotator = _Fidelity(3.0)
    subject = prepared(annotator)
    rung = subject.ladders["jpeg"].rungs[3]
    bpp = 8 * (rung.size + 1) / 96**2
    verdicts = region_verdicts(subject, {0: ("fidelity", bpp), 1: ("fidelity", bpp)})
    assert annotator.seen == [(0, 1)]
    [left], [right] = verdicts[0], verdicts[1]
    assert (left.codec, left.quality, left.bpp) == ("jpeg", rung.quality, 8 * rung.size / 96**2)
    assert (left.right, right.right) == (False, True)


def test_each_finding_is_held_against_the_bytes_of_its_own_level(
    prepared: Callable[..., Subject],
) -> None:
    subject = prepared(_Fidelity(3.0))
    rungs = subject.ladders["jpeg"].rungs
    coarse, fine = (8 * rung.size / 96**2 for rung in (rungs[2], rungs[-1]))
    verdicts = region_verdicts(subject, {0: ("fidelity", coarse), 1: ("fidelity", fine)})
    assert [verdicts[i][0].quality for i in (0, 1)] == [rungs[2].quality, rungs[-1].quality]
    again = region_verdicts(subject, {0: ("fidelity", fine)})
    assert again[0][0].right  # at the finest quality even the busy half is right


def test_where_no_file_is_that_small_nobody_got_it_right_or_wrong(
    prepared: Callable[..., Subject],
) -> None:
    annotator = _Fidelity(3.0)
    [verdict] = region_verdicts(prepared(annotator), {0: ("fidelity", 0.01)})[0]
    assert (verdict.codec, verdict.quality, verdict.bpp, verdict.right) == ("jpeg", *[None] * 3)
    assert annotator.seen == []


def test_findings_without_a_region_are_wrong_where_the_partner_has_one_too(
    prepared: Callable[..., Subject],
) -> None:
    subject = prepared(_Everywhere(3.0))
    bpp = 8 * subject.ladders["jpeg"].rungs[3].size / 96**2
    findings = [_finding(None, LEFT), _finding(None, RIGHT)]
    [left], [right] = area_verdicts(subject, "everywhere", bpp, findings)
    assert (left.right, right.right) == (False, True)
    assert area_verdicts(subject, "everywhere", bpp, []) == []


def test_a_row_has_a_verdict_of_every_classic_codec(
    prepared: Callable[..., Subject], codec: Hyperprior
) -> None:
    subject = prepared(_Fidelity(6.0), ("jpeg", "webp"))
    row = Factory(codec).label(subject, codec)
    assert row.findings
    for finding in row.findings:
        assert [verdict.codec for verdict in finding.classic] == ["jpeg", "webp"]
        for verdict in finding.classic:
            assert verdict.bpp is None or verdict.bpp <= row.bpp[finding.level]


def test_without_classic_codecs_there_is_no_verdict(
    prepared: Callable[..., Subject], codec: Hyperprior
) -> None:
    row = Factory(codec).label(prepared(_Fidelity(6.0), ()), codec)
    assert row.findings
    assert {finding.classic for finding in row.findings} == {()}


def test_findings_that_look_everywhere_are_kept_at_each_level(
    prepared: Callable[..., Subject], codec: Hyperprior
) -> None:
    row = Factory(codec).label(prepared(_Everywhere(6.0)), codec)
    levels = [finding.level for finding in row.findings]
    assert levels == sorted(levels, reverse=True)
    assert len(set(levels)) > 1
    assert {finding.region for finding in row.findings} == {None}
    assert row.labels is not None
    assert not row.labels.changed.any()  # label maps are made of judged regions alone
