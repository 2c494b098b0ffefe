"""Corpus pictures are cut where their annotations are dense, and regions move with the cut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from riskmask.model.annotators.base import KnownRegion
from riskmask.model.corpus import CorpusImage, Region
from riskmask.model.data.items import MOST_REGIONS, corpus_items, cut_picture, shrunk_items


def _region(
    x: float, y: float, content: str = "text", size: float = 8, **changes: object
) -> Region:
    region = Region(
        content=content,
        box=(x, y, size, size),
        polygon=None,
        transcription="A1" if content == "text" else None,
        label=None,
        ignore=False,
        whole_image=False,
        truth=True,
    )
    return replace(region, **changes)  # type: ignore[arg-type]


@pytest.fixture
def picture(tmp_path: Path) -> CorpusImage:
    """Pixels that say where they are: red is the column's 1/4, green the row's."""
    rows, columns = np.mgrid[0:600, 0:900]
    planes = np.stack([columns // 4, rows // 4, np.zeros_like(rows)], axis=2)
    path = tmp_path / "coordinates.png"
    Image.fromarray(planes.astype(np.uint8)).save(path)
    return CorpusImage(
        path=path,
        width=900,
        height=600,
        category="text",
        source="someone/words",
        licence_class="permissive",
        complete=frozenset({"text"}),
        regions=(),
    )


def test_regions_move_with_the_cut(picture: CorpusImage) -> None:
    places = [(700 + 20 * i, 400 + 12 * j) for i in range(4) for j in range(5)]
    cut = cut_picture(replace(picture, regions=tuple(_region(*p) for p in places)), 320)
    assert cut.image.shape == (320, 320, 3)
    assert len(cut.regions) == len(places)
    seen = set()
    for region in cut.regions:
        x, y = (int(v) for v in np.asarray(region.polygon).min(axis=0))
        red, green, _ = cut.image[y, x]
        seen.add((int(red), int(green)))
        assert region.transcription == "A1"
    assert seen == {(x // 4, y // 4) for x, y in places}


def test_the_same_picture_is_cut_alike_each_time(picture: CorpusImage) -> None:
    full = replace(picture, regions=tuple(_region(30 * i, 20 * i) for i in range(25)))
    one, other = cut_picture(full, 256), cut_picture(full, 256)
    np.testing.assert_array_equal(one.image, other.image)
    assert (one.regions, one.unjudged) == (other.regions, other.unjudged)


def test_a_small_picture_stays_whole(picture: CorpusImage) -> None:
    whole = cut_picture(replace(picture, regions=(_region(0, 0), _region(892, 592))), 2000)
    assert whole.image.shape == (600, 900, 3)
    assert len(whole.regions) == 2


def test_what_cannot_be_judged_is_known_to_be_there(picture: CorpusImage) -> None:
    regions = (
        _region(10, 10),
        _region(40, 10, ignore=True),
        _region(70, 10, "face", size=31),
        _region(300, 300, "face", size=32),
        _region(100, 10, "symbol", label="yield"),
        _region(130, 10, "symbol", transcription="4006381333931"),
        _region(890, 10, size=40),  # sticks out of the picture
        _region(-200, 10),  # outside
        _region(0, 0, whole_image=True),
        _region(160, 10, "licence"),  # a content that this project has no word for
    )
    cut = cut_picture(replace(picture, regions=regions), 2000)
    assert {(r.content, r.barcode) for r in cut.regions} == {
        ("text", False),
        ("symbol", True),
        ("face", False),
    }
    assert sorted(r.content for r in cut.unjudged) == ["face", "symbol", "text", "text"]


def test_no_more_regions_of_a_content_are_judged_than_time_allows(picture: CorpusImage) -> None:
    places = [(20 * (i % 40), 20 * (i // 40)) for i in range(MOST_REGIONS + 9)]
    words = [_region(*place) for place in places]
    faces = [_region(40 * i, 200, "face", size=32) for i in range(5)]
    cut = cut_picture(replace(picture, regions=(*words, *faces)), 2000)
    contents = [region.content for region in cut.regions]
    assert (contents.count("text"), contents.count("face")) == (MOST_REGIONS, 5)
    assert len(cut.unjudged) == 9


@pytest.mark.parametrize(
    ("category", "complete", "expected"),
    [
        ("text", {"text"}, {"text", "face", "symbol"}),
        ("text", set(), {"face", "symbol"}),
        ("photo", set(), {"text", "face", "symbol"}),
    ],
)
def test_absence_is_known_unless_the_picture_is_about_it(
    picture: CorpusImage, category: str, complete: set[str], expected: set[str]
) -> None:
    image = replace(picture, category=category, complete=frozenset(complete))
    assert cut_picture(image, 64).complete == expected


def test_items_are_made_when_their_turn_comes(picture: CorpusImage) -> None:
    gone = replace(picture, path=picture.path.with_name("gone.png"))
    first, second = corpus_items([gone, picture], 128)
    assert (first.key, second.key) == ("corpus-gone", "corpus-coordinates")
    assert second.make().image.shape == (128, 128, 3)
    with pytest.raises(FileNotFoundError):
        first.make()


def test_large_text_comes_a_second_time_as_small_text(picture: CorpusImage) -> None:
    large = [_region(60 + 150 * i, 100 + 110 * j, size=70) for i in range(5) for j in range(4)]
    [item] = shrunk_items([replace(picture, regions=tuple(large))], 640)
    cut = item.make()
    assert item.key == "small-coordinates"
    assert 8 <= cut.scale * 70 <= 24
    assert cut.image.shape == (round(600 * cut.scale), round(900 * cut.scale), 3)
    assert len(cut.regions) == len(large)
    for region, place in zip(_by_place(cut.regions), large, strict=True):
        corners = np.asarray(region.polygon)
        np.testing.assert_allclose(np.ptp(corners, axis=0), 70 * cut.scale, rtol=0.02)
        x, y = (int(v) for v in corners.min(axis=0).round())
        red, green, _ = cut.image[y, x].astype(int)
        assert abs(red - place.box[0] / 4) < 3
        assert abs(green - place.box[1] / 4) < 3


def _by_place(regions: tuple[KnownRegion, ...]) -> list[KnownRegion]:
    return sorted(regions, key=lambda region: region.polygon[0])


def test_large_faces_come_a_second_time_where_there_is_no_text(picture: CorpusImage) -> None:
    faces = tuple(_region(20 + 290 * i, 200, "face", size=280) for i in range(3))
    [item] = shrunk_items([replace(picture, regions=faces)], 640)
    cut = item.make()
    assert 32 <= cut.scale * 280 <= 64
    assert [region.content for region in cut.regions] == ["face"] * 3
    for region in cut.regions:
        np.testing.assert_allclose(np.ptp(region.polygon, axis=0), 280 * cut.scale, rtol=0.02)


def test_small_text_keeps_large_faces_from_being_shrunk(picture: CorpusImage) -> None:
    regions = (_region(10, 10, size=9), _region(200, 200, "face", size=280))
    assert list(shrunk_items([replace(picture, regions=regions)])) == []


def test_pictures_with_nothing_large_come_once(picture: CorpusImage) -> None:
    no_text = replace(picture, regions=(_region(10, 10, "face", size=40),))
    small = replace(picture, regions=(_region(10, 10, size=9), _region(40, 10, size=9)))
    assert list(shrunk_items([picture, no_text, small])) == []
