"""Labelling a rendered scene with the packaged codec: verdicts, planes and evidence agree."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from riskmask.model.annotators.base import Finding
from riskmask.model.annotators.glyphs import GlyphBank
from riskmask.model.annotators.recogniser import Recogniser
from riskmask.model.annotators.symbol import SymbolAnnotator
from riskmask.model.annotators.text import TextAnnotator
from riskmask.model.codecs.hyperprior import Hyperprior
from riskmask.model.data.factory import Factory, Labelled
from riskmask.model.data.items import Picture, scene_fonts, scene_items
from riskmask.model.data.planes import rasterise
from riskmask.model.data.scenes import SceneRenderer

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def factory(codec: Hyperprior, bank: GlyphBank, recogniser: Recogniser) -> Factory:
    return Factory(codec, [TextAnnotator(recogniser), SymbolAnnotator(bank)])


@pytest.fixture(scope="module")
def picture(bank: GlyphBank) -> Picture:
    fonts = [path for path in scene_fonts([]) if path.name == "DejaVuSans.ttf"]
    renderer = SceneRenderer([EXAMPLES / "astronaut.jpg"], fonts, bank, size=192)
    [item] = scene_items(renderer.render, range(4, 5))
    return item.make()


@pytest.fixture(scope="module")
def labelled(factory: Factory, picture: Picture) -> Labelled:
    return factory.label("scene-000004", picture)


def test_findings_have_evidence_in_words(labelled: Labelled, picture: Picture) -> None:
    assert labelled.findings
    for finding in labelled.findings:
        assert "→" in str(finding["evidence"])
        assert finding["key"] == "scene-000004"
        assert finding["codec"] == "hyperprior"
        assert finding["source"] == "scenes"
        assert float(str(finding["bpp"])) > 0
        assert 0 <= int(str(finding["level"])) <= 7
        region = picture.regions[int(str(finding["region"]))]
        assert finding["content"] == region.content
        if region.transcription:
            assert f"'{region.transcription}'" in str(finding["evidence"])


def test_a_region_is_found_once_at_its_finest_level(labelled: Labelled, picture: Picture) -> None:
    levels = {int(str(f["region"])): int(str(f["level"])) for f in labelled.findings}
    assert len(levels) == len(labelled.findings)
    channels = {"text": 0, "symbol": 2}
    for index, level in levels.items():
        region = picture.regions[index]
        grid = labelled.labels.changed.shape[1], labelled.labels.changed.shape[2]
        cells = rasterise(region.polygon, grid).astype(bool)
        counts = labelled.labels.changed[channels[region.content]][cells]
        assert np.median(counts) == level + 1


def test_changes_are_monotone_in_the_level(labelled: Labelled) -> None:
    planes = [labelled.labels.changed_at(level) for level in range(8)]
    assert all((coarse >= fine).all() for coarse, fine in pairwise(planes))
    assert planes[0].sum() > planes[7].sum()


def test_the_rate_rises_with_the_level(
    labelled: Labelled, codec: Hyperprior, picture: Picture
) -> None:
    rates = labelled.labels.rate.astype(np.float64)
    assert rates.shape == (8, 12, 12)
    means = rates.mean(axis=(1, 2))
    assert (np.diff(means) > 0).all()
    wanted = codec.rate_map(picture.image, 5).astype(np.float16)
    np.testing.assert_array_equal(labelled.labels.rate[5], wanted)


def test_what_nobody_could_read_is_left_out(factory: Factory, picture: Picture) -> None:
    # The same regions on a blank picture: there is nothing to read and no icon to see.
    blank = np.full_like(picture.image, 127)
    empty = Picture(blank, picture.regions, (), picture.complete, "scenes", "permissive")
    labelled = factory.label("blank", empty)
    assert labelled.findings == ()
    assert not labelled.labels.changed.any()
    for region in picture.regions:
        grid = labelled.labels.changed.shape[1], labelled.labels.changed.shape[2]
        cells = rasterise(region.polygon, grid).astype(bool)
        assert not labelled.labels.risk_valid()[cells].any()


class _Stumbling:
    """Finds region 0 changed at the levels given, told from the number of the call."""

    name = "stumbling"

    def __init__(self, levels: set[int]) -> None:
        self.judged = (0,)
        self._levels = levels
        self._level = 8

    def examine(self, original: object, regions: object) -> _Stumbling:
        return self

    def judge(self, reconstruction: object, regions: object = None) -> dict[int, Finding]:
        self._level -= 1
        box = ((16.0, 16.0), (48.0, 16.0), (48.0, 32.0), (16.0, 32.0))
        finding = Finding(0, "text", "shape", True, 1.0, "'6' → '8'", box)
        return {0: finding} if self._level in self._levels else {}


@pytest.mark.parametrize(
    ("levels", "count"),
    [
        (set(), 0),
        ({7}, 0),  # once, on a nearly perfect picture: a fluke
        ({7, 2, 1, 0}, 3),
        ({4, 3}, 5),
        ({5, 3, 1}, 0),
        ({0}, 1),  # no coarser level could confirm it
        ({7, 6}, 8),
    ],
)
def test_a_change_counts_when_the_next_coarser_level_changes_it_too(
    codec: Hyperprior, picture: Picture, levels: set[int], count: int
) -> None:
    labelled = Factory(codec, [_Stumbling(levels)]).label("scene", picture)
    assert labelled.labels.changed.max() == count
    assert [finding["level"] for finding in labelled.findings] == ([count - 1] if count else [])


def test_unjudged_regions_are_present_and_unknown(factory: Factory, picture: Picture) -> None:
    unjudged = Picture(
        picture.image, (), picture.regions[:1], picture.complete, "scenes", "permissive"
    )
    labels = factory.label("unjudged", unjudged).labels
    region = picture.regions[0]
    cells = rasterise(region.polygon, (48, 48)).astype(bool)
    channel = {"text": 0, "symbol": 2}[region.content]
    assert labels.present[channel][cells].all()
    assert not labels.valid[channel][cells].any()
    assert not labels.changed.any()
