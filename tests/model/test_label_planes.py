"""Verdicts on regions become planes: monotone in the level, unknown where nobody can tell."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from riskmask.model.annotators.base import ContentName, Finding, KindName, KnownRegion
from riskmask.model.data.packing import pack_labels, unpack_labels
from riskmask.model.data.planes import (
    LabelMap,
    Verdict,
    draw_labels,
    rasterise,
    verdict_of,
)

Polygon = tuple[tuple[float, float], ...]
ALL = frozenset({"text", "face", "symbol"})
UNJUDGED = Verdict(judged=False, findings={}, count=0)
UNCHANGED = Verdict(judged=True, findings={}, count=0)


def _box(x: float, y: float, width: float, height: float) -> Polygon:
    return ((x, y), (x + width, y), (x + width, y + height), (x, y + height))


BOX = _box(16, 16, 32, 16)


def _region(content: ContentName = "text", box: Polygon = BOX) -> KnownRegion:
    return KnownRegion(content, box)


def _finding(kind: KindName = "shape", high_impact: bool = True) -> Finding:
    return Finding(0, "text", kind, high_impact, 1.0, "'6' → '8'", BOX)


def _draw(
    regions: list[KnownRegion],
    verdicts: list[Verdict],
    size: tuple[int, int] = (64, 96),
    complete: frozenset[str] = ALL,
) -> LabelMap:
    rate = np.ones((8, -(-size[0] // 16), -(-size[1] // 16)), np.float16)
    return draw_labels(size, regions, verdicts, complete, rate)


def _cells(plane: NDArray[np.generic]) -> set[tuple[int, int]]:
    return {(int(y), int(x)) for y, x in np.argwhere(plane)}


INSIDE = {(y, x) for y in range(4, 8) for x in range(4, 12)}


def test_a_box_covers_exactly_its_cells() -> None:
    assert _cells(rasterise(BOX, (16, 24))) == INSIDE


def test_a_box_too_thin_for_the_middle_of_a_cell_covers_those_it_passes() -> None:
    thin = _cells(rasterise(_box(10, 23, 60, 1.5), (16, 24)))
    assert {y for y, _ in thin} <= {5, 6}
    assert {x for _, x in thin} >= set(range(3, 16))


@given(
    x=st.floats(0, 90),
    y=st.floats(0, 60),
    width=st.floats(0.1, 30),
    height=st.floats(0.1, 30),
)
def test_every_region_has_a_cell_and_stays_near_its_polygon(
    x: float, y: float, width: float, height: float
) -> None:
    plane = rasterise(_box(x, y, width, height), (16, 24))
    rows, columns = np.nonzero(plane)
    assert len(rows) > 0
    assert columns.min() * 4 >= min(x, 92) - 4
    assert columns.max() * 4 <= x + width + 4
    assert rows.min() * 4 >= min(y, 60) - 4
    assert rows.max() * 4 <= y + height + 4


def test_a_change_is_carried_to_every_coarser_level() -> None:
    verdict = verdict_of({5: _finding(), 2: _finding()}, judged=True)
    assert verdict.count == 6
    labels = _draw([_region()], [verdict])
    inside = rasterise(BOX, (16, 24)).astype(bool)
    for level in range(8):
        changed = labels.changed_at(level)
        assert changed[0][inside].all() == (level <= 5)
        assert not changed[0][~inside].any()
        assert not changed[1:].any()


@given(counts=st.lists(st.integers(0, 8), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_what_is_changed_at_a_level_is_changed_at_every_coarser_one(
    counts: list[int], seed: int
) -> None:
    generator = np.random.default_rng(seed)
    regions, verdicts = [], []
    for count in counts:
        x, y = generator.uniform(0, 60, 2)
        content: ContentName = ("text", "face", "symbol")[generator.integers(3)]
        regions.append(_region(content, _box(x, y, *generator.uniform(2, 30, 2))))
        findings = {count - 1: _finding()} if count else {}
        verdicts.append(verdict_of(findings, judged=bool(generator.integers(2))))
    labels = _draw(regions, verdicts)
    planes = [labels.changed_at(level) for level in range(8)]
    assert all((coarse >= fine).all() for coarse, fine in pairwise(planes))
    assert (labels.risk_count()[~labels.valid.any(axis=0)] == 0).all()
    assert labels.risk_valid().shape == (16, 24)


def test_a_ring_around_a_region_is_left_out() -> None:
    labels = _draw([_region()], [UNCHANGED])
    inside = rasterise(BOX, (16, 24)).astype(bool)
    left_out = ~labels.valid[0]
    assert labels.valid[0][inside].all()
    assert left_out.any()
    rows, columns = np.nonzero(inside)
    frame = np.zeros_like(inside)
    frame[rows.min() - 1 : rows.max() + 2, columns.min() - 1 : columns.max() + 2] = True
    assert _cells(left_out) == _cells(frame & ~inside)
    assert _cells(~labels.present_valid[0]) == _cells(frame & ~inside)
    assert labels.valid[1:].all()


def test_a_ring_takes_nothing_from_a_tight_neighbour() -> None:
    changed = verdict_of({3: _finding()}, judged=True)
    lines = [_region(box=_box(16, 16, 32, 8)), _region(box=_box(16, 24, 32, 8))]
    for verdicts in ([changed, UNCHANGED], [UNCHANGED, changed]):
        labels = _draw(lines, verdicts)
        for region, verdict in zip(lines, verdicts, strict=True):
            cells = rasterise(region.polygon, (16, 24)).astype(bool)
            assert labels.valid[0][cells].all()
            assert (labels.changed[0][cells] == verdict.count).all()


def test_where_nobody_can_tell_the_pixels_are_invalid() -> None:
    labels = _draw([_region()], [UNJUDGED])
    inside = rasterise(BOX, (16, 24)).astype(bool)
    assert not labels.valid[0][inside].any()
    assert not labels.risk_valid()[inside].any()
    # that it is text is known all the same
    assert labels.present[0][inside].all()
    assert labels.present_valid[0][inside].all()
    assert labels.risk_valid()[12:].all()


def test_a_judged_region_keeps_its_verdict_beside_an_unjudged_one() -> None:
    changed = verdict_of({3: _finding()}, judged=True)
    for regions, verdicts in (
        ([_region(), _region(box=_box(0, 0, 96, 64))], [changed, UNJUDGED]),
        ([_region(box=_box(0, 0, 96, 64)), _region()], [UNJUDGED, changed]),
    ):
        labels = _draw(regions, verdicts)
        assert labels.valid[0, 5, 6]
        assert labels.changed[0, 5, 6] == 4
        assert not labels.valid[0, 14, 20]


def test_one_content_s_ignorance_leaves_the_other_s_verdict() -> None:
    labels = _draw(
        [_region("text"), _region("symbol", _box(60, 40, 16, 16))],
        [verdict_of({7: _finding()}, judged=True), UNJUDGED],
    )
    assert labels.changed[0, 5, 6] == 8
    assert labels.risk_count()[5, 6] == 8
    assert labels.risk_valid()[5, 6]
    assert not labels.valid[2, 12, 17]
    assert labels.valid[0, 12, 17]


def test_an_incomplete_content_is_unknown_outside_its_regions() -> None:
    labels = _draw([_region()], [UNCHANGED], complete=frozenset({"face"}))
    assert labels.present_valid[0, 5, 6]
    assert not labels.present_valid[0, 14, 20]
    assert labels.present_valid[1].all()
    assert not labels.present_valid[2].any()


def test_kind_and_impact_are_shares_of_the_findings() -> None:
    findings = {
        4: _finding("amplitude", high_impact=False),
        2: _finding("shape"),
        1: _finding("shape"),
        0: _finding("amplitude"),
    }
    labels = _draw([_region()], [verdict_of(findings, judged=True)])
    assert labels.high_impact[5, 6] == round(255 * 3 / 4)
    assert labels.kind[:, 5, 6].tolist() == [round(255 / 2), 0, round(255 / 2)]
    assert labels.high_impact[0, 0] == 0


@pytest.mark.parametrize("size", [(33, 50), (64, 96), (4, 4), (16, 129)])
def test_a_label_map_comes_back_from_its_bytes(size: tuple[int, int]) -> None:
    verdicts = [verdict_of({2: _finding()}, judged=True), UNJUDGED]
    regions = [_region(box=_box(1, 1, 20, 9)), _region("face", _box(2, 0, 40, 3))]
    labels = _draw(regions, verdicts, size, complete=frozenset({"text"}))
    read = unpack_labels(pack_labels(labels), width=size[1], height=size[0])
    for field in fields(LabelMap):
        wanted, got = getattr(labels, field.name), getattr(read, field.name)
        assert got.dtype == wanted.dtype
        if field.name != "rate":
            np.testing.assert_array_equal(got, wanted, field.name)


def test_rates_keep_their_size_to_two_percent() -> None:
    rates = np.geomspace(0.001, 15.9, 8 * 12, dtype=np.float64).reshape(8, 3, 4)
    labels = replace(_draw([], [], (48, 64)), rate=rates.astype(np.float16))
    read = unpack_labels(pack_labels(labels), width=64, height=48)
    np.testing.assert_allclose(read.rate.astype(np.float64), rates, rtol=0.021)
    nothing = replace(labels, rate=np.zeros((8, 3, 4), np.float16))
    assert not unpack_labels(pack_labels(nothing), 64, 48).rate.any()


def test_bytes_of_another_picture_are_refused() -> None:
    packed = pack_labels(_draw([], [], (48, 64)))
    with pytest.raises(ValueError, match="bit planes"):
        unpack_labels(packed, width=128, height=48)
