"""What labels say of a picture: which changes count, at which levels, and which pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from riskmask.model.corpus import Side
from riskmask.model.data.label_rows import LabelFinding, LabelRow, Place
from riskmask.model.data.labelled import labelled_by, read_labelled
from riskmask.model.data.recipe import Recipe
from riskmask.model.data.shards import LabelsError, write_shard

BOX = ((8.0, 8.0), (40.0, 8.0), (40.0, 24.0), (8.0, 24.0))
WORD = LabelFinding("text", 2, 0, "text", "shape", True, 0.2, "'6' -> '8'", BOX, None, ())
FACE = replace(WORD, annotator="face", region=1, content="face", high_impact=False, level=4)
SMEAR = replace(WORD, region=2, high_impact=False, level=6)
ROW = LabelRow(
    key="scene-000010",
    codec="hyperprior",
    codec_sha256="ab",
    image_sha256="cd",
    source="scenes",
    width=64,
    height=48,
    bpp=tuple(0.1 * 2**level for level in range(8)),
    places=(
        Place("text", BOX, True),
        Place("face", BOX, True),
        Place("text", BOX, True),
        Place("text", BOX, False),
    ),
    findings=(WORD,),
)


def _write(folder: Path, side: str, rows: list[LabelRow]) -> None:
    folder.mkdir(exist_ok=True)
    recipe = Recipe(cast("Side", side), False, (), ("text",), (), ())
    recipe.claim(folder)
    write_shard(folder, rows)


def test_an_error_counts_from_its_finest_level_down() -> None:
    said = labelled_by(ROW)
    assert [said.has_error(level) for level in range(8)] == [True] * 3 + [False] * 5
    assert said.judged == {0, 1, 2}


def test_a_changed_face_counts_and_a_smear_does_not() -> None:
    said = labelled_by(replace(ROW, findings=(WORD, FACE, SMEAR)))
    assert said.grave == {0: 2, 1: 4}
    assert said.changed == {0: 2, 1: 4, 2: 6}
    assert said.has_error(4)
    assert not said.has_error(5)


def test_pictures_come_from_the_side_that_was_asked_for(tmp_path: Path) -> None:
    _write(tmp_path, "train", [ROW, replace(ROW, key="scene-000011")])
    with pytest.raises(LabelsError, match="--side test"):
        read_labelled(tmp_path)
    found = read_labelled(tmp_path, calibration=True)
    assert [each.key for each in found] == ["scene-000010"], "training saw the other one"


def test_pictures_that_could_not_be_labelled_are_left_out(tmp_path: Path) -> None:
    broken = LabelRow("scene-000012", "hyperprior", "ab", error="OSError: cut short")
    _write(tmp_path, "test", [ROW, broken])
    assert [each.key for each in read_labelled(tmp_path)] == ["scene-000010"]
