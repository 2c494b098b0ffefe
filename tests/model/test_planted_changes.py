"""Planted changes: one seed plants the same, and the truth lies where it says, nowhere else."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ImageFont

from riskmask.model.annotators.face_reader import FaceReader
from riskmask.model.data.items import scene_fonts
from riskmask.model.data.scenes import TextMark
from riskmask.model.plants.garden import PLANTED, Garden
from riskmask.model.plants.glyphs import another_text
from riskmask.model.plants.harmless import HARMLESS, psnr
from riskmask.model.plants.pairs import Pair
from riskmask.model.plants.sources import Sources, folder_sources
from riskmask.model.plants.warps import plateau, shift, turn_and_scale, warp

Pixels = NDArray[np.uint8]
EXAMPLES = Path(__file__).parents[2] / "examples"
KINDS = {"amplitude": {"amplitude"}, "geometry": {"geometry"}, "shape": {"shape"}}
MIXED = {"amplitude", "geometry", "shape"}


@pytest.fixture(scope="module")
def reader() -> FaceReader:
    return FaceReader()


@pytest.fixture(scope="module")
def sources(reader: FaceReader) -> Sources:
    return folder_sources(EXAMPLES, [], 192, reader)


@pytest.fixture(scope="module")
def garden(sources: Sources, reader: FaceReader) -> Garden:
    return Garden(sources, reader, seed=5)


@pytest.fixture(scope="module")
def planted(garden: Garden) -> dict[str, list[Pair]]:
    return {name: list(garden.planted(name, 2)) for name in PLANTED}


def test_the_examples_have_faces_and_our_own_icons(sources: Sources) -> None:
    assert {face.path.name for face in sources.faces} >= {"astronaut.jpg", "hopper.jpg"}
    assert set(sources.bank.families) == {"arrows", "marks"}


@pytest.mark.parametrize("name", PLANTED)
def test_the_picture_differs_at_the_plant_and_nowhere_else(
    planted: dict[str, list[Pair]], name: str
) -> None:
    assert len(planted[name]) == 2
    for pair in planted[name]:
        assert pair.plant is not None
        assert pair.plant.annotator == name
        assert pair.plant.kind in KINDS.get(name, MIXED)
        height, width = pair.original.shape[:2]
        assert pair.altered.shape == pair.original.shape
        assert pair.plant.mask.shape == (-(-height // 4), -(-width // 4))
        if pair.copy != "untouched":
            continue
        place = np.kron(pair.plant.mask, np.ones((4, 4), dtype=np.uint8))[:height, :width]
        near = cv2.dilate(place, np.ones((33, 33), dtype=np.uint8)).astype(bool)
        difference = np.abs(pair.original.astype(int) - pair.altered.astype(int)).max(axis=-1)
        assert difference[place.astype(bool)].max() > 16
        assert difference[~near].max(initial=0) <= 16


@pytest.mark.parametrize("name", PLANTED)
def test_the_same_seed_plants_the_same(
    sources: Sources, reader: FaceReader, planted: dict[str, list[Pair]], name: str
) -> None:
    again = list(Garden(sources, reader, seed=5).planted(name, 1))
    one, other = planted[name][0], again[0]
    np.testing.assert_array_equal(one.altered, other.altered)
    assert one.plant is not None
    assert other.plant is not None
    np.testing.assert_array_equal(one.plant.mask, other.plant.mask)
    another = next(Garden(sources, reader, seed=6).planted(name, 1))
    assert another.altered.shape != planted[name][0].altered.shape or (
        (another.altered != planted[name][0].altered).any()
    )


def test_a_plant_in_text_or_a_face_names_its_region_first(
    planted: dict[str, list[Pair]],
) -> None:
    for name, content in (("text", "text"), ("symbol", "symbol"), ("face", "face")):
        assert all(pair.regions[0].content == content for pair in planted[name])


def test_harmless_pairs_have_no_plant_and_stay_close(garden: Garden) -> None:
    pairs = list(garden.harmless(9))
    assert {pair.copy for pair in pairs} <= set(HARMLESS)
    for pair in pairs:
        assert pair.plant is None
        assert psnr(pair.original, pair.altered) > 30
    assert any(region.content == "face" for pair in pairs for region in pair.regions)


def test_a_folder_without_faces_has_no_plants_for_them(
    sources: Sources, reader: FaceReader
) -> None:
    without = Sources(
        "pictures", sources.photographs, [], sources.bank, sources.renderer, sources.largest
    )
    assert list(Garden(without, reader).planted("face", 3)) == []


def test_pictures_without_a_place_for_a_plant_are_an_error(
    sources: Sources, reader: FaceReader, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="holds no picture"):
        folder_sources(tmp_path, [], 192, reader)


@pytest.mark.parametrize("text", ["SPEED 60", "12.50", "exit", "OAK 17"])
def test_another_text_has_one_other_character_of_its_family_and_width(text: str) -> None:
    [font] = [path for path in scene_fonts([]) if path.name == "DejaVuSans.ttf"]
    mark = TextMark(text, font, 24, (0, 0, 0), (0, 0, 100, 30), (0, 0), 0.0)
    face = ImageFont.truetype(str(font), 24)
    for seed in range(20):
        other = another_text(mark, np.random.default_rng(seed))
        assert other is not None
        [(was, now)] = [(a, b) for a, b in zip(text, other, strict=True) if a != b]
        assert was.isdigit() == now.isdigit()
        assert was.isupper() == now.isupper()
        assert face.getlength(now) == pytest.approx(face.getlength(was), rel=0.15)
        assert {was.lower(), now.lower()} not in ({"o", "0"}, {"1", "l"}, {"5", "s"})


def test_a_string_without_letters_or_digits_has_no_other(tmp_path: Path) -> None:
    [font] = [path for path in scene_fonts([]) if path.name == "DejaVuSans.ttf"]
    mark = TextMark("… € °", font, 24, (0, 0, 0), (0, 0, 100, 30), (0, 0), 0.0)
    assert another_text(mark, np.random.default_rng(0)) is None


def test_a_warp_moves_what_is_there_and_leaves_the_rest() -> None:
    picture = np.zeros((80, 80, 3), np.uint8)
    picture[38:42, 38:42] = 255
    moved = warp(picture, shift(plateau((80, 80), (40, 40), 30), (5.0, -3.0)))
    rows, columns = np.nonzero(moved[..., 0] > 127)
    assert (rows.mean(), columns.mean()) == pytest.approx((36.5, 44.5), abs=0.3)
    np.testing.assert_array_equal(warp(picture, np.zeros((80, 80, 2), np.float32)), picture)


def test_a_turn_moves_the_rim_of_its_plateau_by_its_angle() -> None:
    field = turn_and_scale(plateau((80, 80), (40, 40), 30), (40, 40), 10.0, 1.0)
    assert np.hypot(*field[40, 50]) == pytest.approx(2 * 10 * np.sin(np.deg2rad(5)), abs=0.01)
    assert np.hypot(*field[40, 75]) == 0
