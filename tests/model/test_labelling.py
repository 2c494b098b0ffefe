"""Labelling a rendered scene with the packaged codec: verdicts, planes and evidence agree."""

from __future__ import annotations

from collections.abc import Container
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from riskmask.model.annotators.base import Finding
from riskmask.model.annotators.glyphs import GlyphBank
from riskmask.model.annotators.recogniser import Recogniser
from riskmask.model.annotators.symbol import SymbolAnnotator
from riskmask.model.annotators.text import TextAnnotator
from riskmask.model.codecs import classic_codec
from riskmask.model.codecs.hyperprior import Hyperprior
from riskmask.model.data.items import Picture, scene_fonts, scene_items
from riskmask.model.data.label_rows import LabelRow
from riskmask.model.data.labelled import labelled_by
from riskmask.model.data.planes import LabelMap, rasterise
from riskmask.model.data.scenes import SceneRenderer
from riskmask.model.data.shards import read_rows, write_shard
from riskmask.model.label.factory import Factory
from riskmask.model.label.subject import Table

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = pytest.mark.slow


def _labels(row: LabelRow) -> LabelMap:
    assert row.labels is not None
    return row.labels


@pytest.fixture(scope="module")
def table(bank: GlyphBank, recogniser: Recogniser) -> Table:
    return Table({"text": TextAnnotator(recogniser), "symbol": SymbolAnnotator(bank)})


@pytest.fixture(scope="module")
def picture(bank: GlyphBank) -> Picture:
    fonts = [path for path in scene_fonts([]) if path.name == "DejaVuSans.ttf"]
    renderer = SceneRenderer([EXAMPLES / "astronaut.jpg"], fonts, bank, size=192)
    [item] = scene_items(renderer.render, range(4, 5))
    return item.make()


@pytest.fixture(scope="module")
def labelled(table: Table, codec: Hyperprior, picture: Picture) -> LabelRow:
    return Factory(codec).label(table.prepare("scene-000004", picture), codec)


def test_findings_have_evidence_in_words(labelled: LabelRow, picture: Picture) -> None:
    assert labelled.findings
    assert (labelled.key, labelled.codec) == ("scene-000004", "hyperprior")
    assert labelled.source == "scenes"
    for finding in labelled.findings:
        assert "→" in finding.evidence
        assert 0 <= finding.level <= 7
        assert finding.region is not None
        region = picture.regions[finding.region]
        assert finding.content == finding.annotator == region.content
        if region.transcription:
            assert f"'{region.transcription}'" in finding.evidence


def test_the_rates_of_the_row_are_those_of_the_codec(
    labelled: LabelRow, codec: Hyperprior, picture: Picture
) -> None:
    for level in (0, 3, 7):
        assert labelled.bpp[level] == codec.reconstruct(picture.image, level).bpp


def test_a_region_is_found_once_at_its_finest_level(labelled: LabelRow, picture: Picture) -> None:
    levels = {f.region: f.level for f in labelled.findings if f.region is not None}
    assert len(levels) == len(labelled.findings)
    channels = {"text": 0, "symbol": 2}
    changed = _labels(labelled).changed
    for index, level in levels.items():
        region = picture.regions[index]
        cells = rasterise(region.polygon, (changed.shape[1], changed.shape[2])).astype(bool)
        counts = changed[channels[region.content]][cells]
        assert np.median(counts) == level + 1
        assert labelled.places[index].judged


def test_changes_are_monotone_in_the_level(labelled: LabelRow) -> None:
    planes = [_labels(labelled).changed_at(level) for level in range(8)]
    assert all((coarse >= fine).all() for coarse, fine in pairwise(planes))
    assert planes[0].sum() > planes[7].sum()


def test_the_rate_rises_with_the_level(
    labelled: LabelRow, codec: Hyperprior, picture: Picture
) -> None:
    rates = _labels(labelled).rate.astype(np.float64)
    assert rates.shape == (8, 12, 12)
    means = rates.mean(axis=(1, 2))
    assert (np.diff(means) > 0).all()
    wanted = codec.rate_map(picture.image, 5).astype(np.float16)
    np.testing.assert_array_equal(_labels(labelled).rate[5], wanted)


def test_labels_of_another_codec_carry_the_rates_of_the_reference(
    table: Table, codec: Hyperprior, picture: Picture, labelled: LabelRow
) -> None:
    jpeg = classic_codec("jpeg")
    row = Factory(codec).label(table.prepare("scene-000004", picture), jpeg)
    assert (row.codec, row.codec_sha256) == ("jpeg", jpeg.identity)
    np.testing.assert_array_equal(_labels(row).rate, _labels(labelled).rate)
    assert row.bpp[2] == 8 * len(jpeg.compress(picture.image, 2)) / 192**2
    assert [place.judged for place in row.places] == [place.judged for place in labelled.places]


def test_what_nobody_could_read_is_left_out(
    table: Table, codec: Hyperprior, picture: Picture
) -> None:
    # The same regions on a blank picture: there is nothing to read and no icon to see.
    blank = np.full_like(picture.image, 127)
    empty = Picture(blank, picture.regions, (), picture.complete, "scenes", "permissive")
    row = Factory(codec).label(table.prepare("blank", empty), codec)
    assert row.findings == ()
    assert not any(place.judged for place in row.places)
    labels = _labels(row)
    assert not labels.changed.any()
    for region in picture.regions:
        grid = labels.changed.shape[1], labels.changed.shape[2]
        cells = rasterise(region.polygon, grid).astype(bool)
        assert not labels.risk_valid()[cells].any()
    # No level was decoded, and the rates are there all the same.
    assert row.bpp[4] == codec.reconstruct(blank, 4).bpp


class _Stumbling:
    """Finds region 0 changed at the levels given, told from the number of the call."""

    name = "stumbling"

    def __init__(self, levels: set[int], legible: Container[int] = range(8)) -> None:
        self.judged = (0,)
        self._levels = levels
        self._legible = legible
        self._level = -1

    def examine(self, original: object, regions: object) -> _Stumbling:
        return self

    def find(self, reconstruction: object) -> list[Finding]:
        return []

    def judge(self, reconstruction: object, regions: object = None) -> dict[int, Finding]:
        self._level += 1
        box = ((16.0, 16.0), (48.0, 16.0), (48.0, 32.0), (16.0, 32.0))
        legible = self._level in self._legible
        finding = Finding(0, "text", "shape", legible, 1.0, "'6' → '8'", box)
        return {0: finding} if self._level in self._levels else {}


@pytest.mark.parametrize(
    ("levels", "count"),
    [
        (set(), 0),
        ({7}, 0),  # once, on a nearly perfect picture: a fluke
        ({7, 2, 1, 0}, 3),
        ({4, 3, 2, 0}, 5),  # one level that happens to be right
        ({4, 3}, 0),  # two coarser levels that leave it alone say more
        ({5, 3, 1}, 0),
        ({0}, 1),  # no coarser level could confirm it
        ({2, 0}, 1),
        (set(range(8)), 8),
    ],
)
def test_a_change_counts_when_the_next_coarser_level_changes_it_too(
    codec: Hyperprior, picture: Picture, levels: set[int], count: int
) -> None:
    subject = Table({"stumbling": _Stumbling(levels)}).prepare("scene", picture)
    row = Factory(codec).label(subject, codec)
    assert _labels(row).changed.max() == count
    assert [finding.level for finding in row.findings] == ([count - 1] if count else [])


@pytest.mark.parametrize(
    ("legible", "grave"),
    [(range(8), 5), (range(3), 2), ({1, 4}, 4), (range(6, 8), None), ((), None)],
)
def test_what_is_illegible_at_fine_levels_and_another_word_at_coarser_ones_is_an_error_there(
    codec: Hyperprior, picture: Picture, legible: Container[int], grave: int | None, tmp_path: Path
) -> None:
    stumbling = _Stumbling(set(range(6)), legible)
    row = Factory(codec).label(Table({"stumbling": stumbling}).prepare("scene", picture), codec)
    write_shard(tmp_path, [row])
    [kept] = read_rows(tmp_path)
    [finding] = kept.findings
    assert (finding.level, finding.grave_level) == (5, grave)
    assert finding.high_impact is (grave == 5)
    said = labelled_by(kept)
    wrong = [said.has_error(level) for level in range(8)]
    assert wrong == [grave is not None and level <= grave for level in range(8)]


def test_unjudged_regions_are_present_and_unknown(
    table: Table, codec: Hyperprior, picture: Picture
) -> None:
    unjudged = Picture(
        picture.image, (), picture.regions[:1], picture.complete, "scenes", "permissive"
    )
    labels = _labels(Factory(codec).label(table.prepare("unjudged", unjudged), codec))
    region = picture.regions[0]
    cells = rasterise(region.polygon, (48, 48)).astype(bool)
    channel = {"text": 0, "symbol": 2}[region.content]
    assert labels.present[channel][cells].all()
    assert not labels.valid[channel][cells].any()
    assert not labels.changed.any()
