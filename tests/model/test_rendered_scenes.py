"""Rendered scenes: the same seed the same scene, and exact truth about everything drawn."""

from __future__ import annotations

import shutil
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from riskmask.model.annotators.glyphs import GlyphBank
from riskmask.model.annotators.symbol import match_glyph
from riskmask.model.data.items import scene_fonts, scene_items
from riskmask.model.data.scenes import ISOLUMINANT, PAGES, SCENES, SYMBOLS, SceneRenderer, TextMark
from riskmask.model.data.wording import draw_string

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def renderer(bank: GlyphBank) -> SceneRenderer:
    return SceneRenderer(sorted(EXAMPLES.glob("*.jpg")), scene_fonts([]), bank, size=320)


def test_the_same_seed_gives_the_same_scene(renderer: SceneRenderer, bank: GlyphBank) -> None:
    again = SceneRenderer(sorted(EXAMPLES.glob("*.jpg")), scene_fonts([]), bank, size=320)
    for seed in range(3):
        one, other = renderer.render(seed), again.render(seed)
        np.testing.assert_array_equal(one.image, other.image)
        assert one.regions == other.regions
    assert renderer.render(0).regions != renderer.render(1).regions


@pytest.mark.parametrize("seed", range(8))
def test_everything_drawn_lies_inside_and_apart(renderer: SceneRenderer, seed: int) -> None:
    scene = renderer.render(seed)
    assert scene.image.shape == (320, 320, 3)
    assert scene.image.dtype == np.uint8
    assert scene.regions
    boxes = []
    for region in scene.regions:
        corners = np.asarray(region.polygon)
        assert (corners >= -8).all()  # a tilted line may lean out by a few pixels
        assert (corners <= 328).all()
        boxes.append((*corners.min(axis=0), *corners.max(axis=0)))
    middles = [((left + right) / 2, (top + bottom) / 2) for left, top, right, bottom in boxes]
    for index, (x, y) in enumerate(middles):
        for other, (left, top, right, bottom) in enumerate(boxes):
            assert index == other or not (left < x < right and top < y < bottom)


def test_scenes_of_symbols_hold_mostly_icons(bank: GlyphBank) -> None:
    symbols = SceneRenderer(
        sorted(EXAMPLES.glob("*.jpg")), scene_fonts([]), bank, size=320, style=SYMBOLS
    )
    for seed in range(4):
        contents = [region.content for region in symbols.render(seed).regions]
        assert contents.count("symbol") >= 8
        assert contents.count("text") < 5


def test_text_carries_its_transcription_and_icons_their_glyph(renderer: SceneRenderer) -> None:
    regions = [region for seed in range(6) for region in renderer.render(seed).regions]
    assert {region.content for region in regions} == {"text", "symbol"}
    for region in regions:
        if region.content == "text":
            assert region.transcription
            assert region.glyph is None
        else:
            assert region.glyph is not None
            x, y, width, height = region.glyph.box
            corners = np.asarray(region.polygon)
            assert corners.min(axis=0).tolist() == [x, y]
            assert corners.max(axis=0).tolist() == [x + width, y + height]


def test_no_part_of_a_line_vanishes(bank: GlyphBank) -> None:
    pages = SceneRenderer(
        sorted(EXAMPLES.glob("*.jpg")), scene_fonts([]), bank, size=512, style=PAGES
    )
    lines = 0
    for seed in range(12):
        composition = pages.compose(seed)
        for mark in composition.marks:
            if not isinstance(mark, TextMark):
                continue
            lines += 1
            ground = np.asarray(composition.ground.crop(mark.box), dtype=float)
            letters = max(ground.shape[1] // ground.shape[0], 1)
            for part in np.array_split(ground, letters, axis=1):
                assert np.abs(part.mean(axis=(0, 1)) - mark.ink).max() >= 24
    assert lines > 60


def test_an_isoluminant_line_has_letters_that_only_colour_tells_from_the_ground(
    bank: GlyphBank,
) -> None:
    grounds = sorted(EXAMPLES.glob("*.jpg"))
    least: dict[bool, list[float]] = {True: [], False: []}
    for isoluminant in (True, False):
        renderer = SceneRenderer(
            grounds, scene_fonts([]), bank, style=ISOLUMINANT if isoluminant else SCENES
        )
        for seed in range(8):
            composition = renderer.compose(seed)
            for mark in composition.marks:
                if not isinstance(mark, TextMark):
                    continue
                ground = np.asarray(composition.ground.crop(mark.box), dtype=float)
                letters = max(ground.shape[1] // ground.shape[0], 1)
                parts = np.array_split(ground, letters, axis=1)
                away = [part.mean(axis=(0, 1)) - mark.ink for part in parts]
                assert min(np.abs(each).max() for each in away) >= 24
                least[isoluminant].append(min(abs(each @ [0.299, 0.587, 0.114]) for each in away))
    assert len(least[True]) > 40
    assert np.percentile(least[True], 90) < 35
    assert 2 * np.median(least[True]) < np.median(least[False])


def test_most_icons_are_recognised_where_the_scene_says(
    renderer: SceneRenderer, bank: GlyphBank
) -> None:
    own, other = [], []
    for seed in range(8):
        scene = renderer.render(seed)
        for region in scene.regions:
            if region.glyph is not None:
                match = match_glyph(scene.image, region.glyph, bank)
                own.append(match.own)
                other.append(match.other)
    assert len(own) > 10
    assert np.median(own) > 0.8
    assert np.mean(np.array(own) > np.array(other)) > 0.8


def test_small_backgrounds_are_enlarged(bank: GlyphBank, tmp_path: Path) -> None:
    Image.new("RGB", (40, 700), (10, 200, 30)).save(tmp_path / "narrow.png")
    renderer = SceneRenderer([tmp_path / "narrow.png"], scene_fonts([]), bank, size=128)
    assert {renderer.render(seed).image.shape for seed in range(4)} == {(128, 128, 3)}


def test_nothing_to_draw_with_is_an_error(bank: GlyphBank) -> None:
    with pytest.raises(ValueError, match="at least one background and one typeface"):
        SceneRenderer([], scene_fonts([]), bank)


def test_an_item_is_rendered_when_its_turn_comes(renderer: SceneRenderer) -> None:
    items = list(scene_items(renderer.render, range(5, 8)))
    assert [item.key for item in items] == ["scene-000005", "scene-000006", "scene-000007"]
    picture = items[1].make()
    np.testing.assert_array_equal(picture.image, renderer.render(6).image)
    assert picture.regions == renderer.render(6).regions
    assert picture.source == "scenes"
    assert "face" not in picture.complete  # the photograph behind may show one


def test_typefaces_have_letters() -> None:
    names = [path.name for path in scene_fonts([])]
    assert "DejaVuSans.ttf" in names
    assert not [name for name in names if name.startswith(("cm", "STIXSiz", "LastResort"))]


def test_wording_is_short_and_printable() -> None:
    strings = [draw_string(np.random.default_rng(seed)) for seed in range(300)]
    assert all(text.isprintable() and text.strip() for text in strings)
    assert max(map(len, strings)) < 48
    assert len(set(strings)) > 250
    assert any(text.isdigit() for text in strings)
    assert any(text.isalpha() for text in strings)


def test_typefaces_without_letters_are_left_out(tmp_path: Path) -> None:
    """They come with the typefaces of other packages, whatever they are called."""
    shipped = {path.name: path for path in Path(matplotlib.get_data_path()).rglob("*.ttf")}
    shutil.copy(shipped["STIXSizOneSymReg.ttf"], tmp_path / "pictograms.ttf")
    shutil.copy(shipped["DejaVuSans.ttf"], tmp_path)
    assert [path.name for path in scene_fonts([tmp_path])] == ["DejaVuSans.ttf"]
