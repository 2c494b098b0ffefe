"""A corpus is split by source, filtered by licence, and its absence is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from riskmask.model.corpus import (
    HELD_OUT_ICON_FAMILIES,
    HELD_OUT_SOURCES,
    ICONS,
    LARGEST_FAMILY,
    Corpus,
    CorpusNotFoundError,
)


def _entries() -> list[dict[str, object]]:
    common = {"width": 64, "height": 48, "regions": [], "auto_regions": [], "gt_classes": []}
    rows = [
        ("photo/a.png", "photo", "someone/pictures", "permissive"),
        ("photo/b.png", "photo", "someone/pictures", "noncommercial"),
        ("photo/c.png", "photo", "scikit-image/scikit-image", "permissive"),
        ("text/d.png", "text", "someone/words", "permissive"),
        ("face/e.png", "face", "vladmandic/human", "permissive"),
    ]
    return [
        {**common, "file": file, "category": category, "source": source, "licence_class": licence}
        for file, category, source, licence in rows
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    entries = _entries()
    entries[3]["gt_classes"] = ["text"]
    entries[3]["regions"] = [
        {
            "class": "text",
            "bbox": [4, 5, 20, 10],
            "polygon": [[4, 5], [24, 5], [24, 15], [4, 15]],
            "transcription": "EXIT",
        },
        {"class": "text", "bbox": [30, 5, 8, 8], "ignore": True},
        {"class": "text", "whole_image": True, "transcription": "all of it"},
    ]
    entries[3]["auto_regions"] = [{"class": "face", "bbox": [1.5, 2, 3, 4]}]
    icons = [
        {"file": "svg/svg_marks__star__filled.svg", "source": "someone/icons"},
        {"file": "svg/svg_maki__airport.svg", "source": "mapbox/maki"},
    ]
    content = {"images": entries, "svg": icons}
    (tmp_path / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    return tmp_path


def test_the_split_is_by_source(folder: Path) -> None:
    corpus = Corpus(folder)
    train = [image.path.name for image in corpus.select("train")]
    test = [image.path.name for image in corpus.select("test")]
    assert train == ["a.png", "b.png", "d.png"]
    assert test == ["c.png", "e.png"]
    for image in corpus.images:
        assert image.side == ("test" if image.source in HELD_OUT_SOURCES else "train")


def test_categories_and_licences_narrow_the_choice(folder: Path) -> None:
    corpus = Corpus(folder)
    assert [i.path.name for i in corpus.select("train", categories=("photo",))] == [
        "a.png",
        "b.png",
    ]
    permissive = corpus.select("train", categories=("photo",), permissive=True)
    assert [image.path.name for image in permissive] == ["a.png"]
    assert list(corpus.select("test", categories=("symbol",))) == []


def test_regions_keep_what_is_known_of_them(folder: Path) -> None:
    [image] = Corpus(folder).select("train", categories=("text",))
    assert image.complete == {"text"}
    word, ignored, whole, face = image.regions
    assert word.transcription == "EXIT"
    assert word.polygon == ((4, 5), (24, 5), (24, 15), (4, 15))
    assert word.truth
    assert not word.ignore
    assert ignored.ignore
    assert ignored.polygon is None
    assert whole.whole_image
    assert whole.box == (0, 0, 64, 48)
    assert face.box == (1.5, 2, 3, 4)
    assert not face.truth


def test_icons_know_their_family_and_side(folder: Path) -> None:
    star, airport = Corpus(folder).icons
    assert (star.family, star.name, star.side) == ("marks", "star__filled", "train")
    assert (airport.family, airport.name, airport.side) == ("maki", "airport", "test")
    assert airport.family in HELD_OUT_ICON_FAMILIES


def test_the_environment_names_the_corpus(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISKMASK_CORPUS", str(folder))
    assert Corpus.find().root == folder
    assert Corpus.find(folder).root == folder


def test_without_a_corpus_it_says_how_to_name_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RISKMASK_CORPUS", raising=False)
    with pytest.raises(CorpusNotFoundError, match="--corpus or RISKMASK_CORPUS"):
        Corpus.find()
    with pytest.raises(CorpusNotFoundError, match=r"no annotations\.json"):
        Corpus.find(tmp_path)


@pytest.mark.corpus
def test_the_real_corpus_has_both_sides_of_everything(corpus: Corpus) -> None:
    for category in ("photo", "text", "face", "symbol"):
        for side in ("train", "test"):
            images = list(corpus.select(side, categories=(category,)))  # type: ignore[arg-type]
            assert images, f"no {category} to {side}"
            assert images[0].path.is_file()
    train = {image.source for image in corpus.select("train")}
    assert train.isdisjoint(HELD_OUT_SOURCES)
    # every name of the split is spelt as the corpus spells it
    assert {image.source for image in corpus.images} >= HELD_OUT_SOURCES
    assert {icon.family for icon in corpus.icons} >= HELD_OUT_ICON_FAMILIES


def test_folders_of_a_folder_are_further_families_of_icons(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    icons = tmp_path / "more"
    for family, count in (("arrows/bold", 3), ("maki", 2), ("many", 2 * LARGEST_FAMILY + 1)):
        (icons / family).mkdir(parents=True)
        for number in range(count):
            (icons / family / f"{number:03d}.svg").touch()
    assert Corpus.find(folder).further_icons == ()
    monkeypatch.setenv(ICONS, str(icons))
    found = Corpus.find(folder).further_icons
    assert found == Corpus.find(folder, icons).further_icons
    names = {
        family: [icon.name for icon in found if icon.family == family]
        for family in ("arrows/bold", "maki", "many")
    }
    assert names["arrows/bold"] == ["000", "001", "002"]
    assert names["many"] == [f"{number:03d}" for number in range(0, 2 * LARGEST_FAMILY + 1, 3)]
    assert {icon.family for icon in found if icon.side == "test"} == {"maki"}


def test_a_folder_without_icons_is_told(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "loose").mkdir()
    with pytest.raises(CorpusNotFoundError, match="holds no folders of SVG files"):
        Corpus.find(folder, tmp_path / "loose")
