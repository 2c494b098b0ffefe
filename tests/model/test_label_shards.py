"""Label shards are written whole, read back equal, and merged to the same bytes in any order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from riskmask.model.annotators.base import KnownRegion
from riskmask.model.data.label_rows import ClassicVerdict, LabelFinding, LabelRow, Place
from riskmask.model.data.planes import Verdict, draw_labels
from riskmask.model.data.recipe import Recipe, describe_coders
from riskmask.model.data.shards import (
    LabelsError,
    clear_partial,
    finished,
    merge_shards,
    read_rows,
    write_shard,
)

BOX = ((8.0, 8.0), (40.0, 8.0), (40.0, 24.0), (8.0, 24.0))
JPEG = ClassicVerdict("jpeg", 9, 0.31, True)
NONE = ClassicVerdict("webp", None, None, None)


def _row(key: str, codec: str = "hyperprior", weights: str = "ab12") -> LabelRow:
    region = KnownRegion("text", BOX)
    rate = np.full((8, 3, 4), 0.5, np.float16)
    labels = draw_labels((48, 64), [region], [Verdict(True, {}, 3)], frozenset({"text"}), rate)
    finding = LabelFinding(
        annotator="text",
        level=2,
        region=0,
        content="text",
        kind="shape",
        high_impact=True,
        severity=0.25,
        evidence="'6' → '8'",
        polygon=BOX,
        mask=None,
        classic=(JPEG, NONE),
    )
    return LabelRow(
        key=key,
        codec=codec,
        codec_sha256=weights,
        image_sha256=f"sha of {key}",
        source="tests",
        licence_class="permissive",
        scale=0.5,
        width=64,
        height=48,
        bpp=tuple(0.1 * 2**level for level in range(8)),
        places=(Place("text", BOX, True),),
        findings=(finding, replace(finding, region=None, content=None, mask=b"\x01\x80")),
        labels=labels,
    )


def _failed(key: str) -> LabelRow:
    return LabelRow(key, "hyperprior", "ab12", error="OSError: image file is truncated")


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_row_comes_back_as_it_was_written(tmp_path: Path) -> None:
    row = _row("corpus-one")
    write_shard(tmp_path, [row])
    [read] = read_rows(tmp_path)
    assert read == row
    assert read.labels is not None
    assert row.labels is not None
    np.testing.assert_array_equal(read.labels.changed, row.labels.changed)
    np.testing.assert_array_equal(read.labels.present_valid, row.labels.present_valid)


def test_planes_are_read_only_where_they_are_wanted(tmp_path: Path) -> None:
    write_shard(tmp_path, [_row("corpus-one")])
    [read] = read_rows(tmp_path, planes=False)
    assert read.labels is None
    assert read.findings == _row("corpus-one").findings


def test_shards_hold_bit_planes_that_anybody_can_read(tmp_path: Path) -> None:
    [record] = pq.read_table(write_shard(tmp_path, [_row("one")])).to_pylist()
    bits = np.unpackbits(np.frombuffer(record["changed"], np.uint8), count=8 * 3 * 12 * 16)
    changed = bits.reshape(8, 3, 12, 16)
    assert changed[:3, 0, 3, 5].all()  # in the region, at the three coarsest levels
    assert changed.sum() == 3 * 4 * 8


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1, 1), (5,), (3, 2)])
def test_merged_shards_do_not_show_how_the_work_was_cut(
    tmp_path: Path, sizes: Sequence[int]
) -> None:
    rows = [_row(key, codec) for key in ("b", "a") for codec in ("jpeg", "hyperprior")]
    rows.append(_failed("c"))
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    write_shard(whole, rows)
    waiting = rows[::-1]
    for size in sizes:
        write_shard(cut, waiting[:size])
        waiting = waiting[size:]
    [merged] = merge_shards(whole)
    merge_shards(cut)
    assert _bytes(whole) == _bytes(cut)
    assert list(_bytes(whole)) == [merged.name]
    names = [(row.key, row.codec) for row in read_rows(cut)]
    assert names == sorted((row.key, row.codec) for row in rows)


def test_a_merge_that_was_cut_off_is_done_again(tmp_path: Path) -> None:
    parts = [write_shard(tmp_path, [_row(key)]) for key in "abc"]
    kept = {path.name: path.read_bytes() for path in parts}
    merge_shards(tmp_path)
    merged = _bytes(tmp_path)
    for name, content in kept.items():  # as if it had died before it removed the parts
        (tmp_path / name).write_bytes(content)
    assert [row.key for row in read_rows(tmp_path)] == ["a", "b", "c"]
    merge_shards(tmp_path)
    assert _bytes(tmp_path) == merged


def test_rows_that_come_later_join_the_merged_ones(tmp_path: Path) -> None:
    write_shard(tmp_path, [_row("a"), _row("c")])
    merge_shards(tmp_path)
    write_shard(tmp_path, [_row("b")])
    merge_shards(tmp_path)
    assert [row.key for row in read_rows(tmp_path)] == ["a", "b", "c"]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_label_counts_before_an_error(tmp_path: Path) -> None:
    write_shard(tmp_path, [_failed("a")])
    assert finished(tmp_path)["a", "hyperprior"].error
    write_shard(tmp_path, [replace(_row("a"), codec_sha256="cd34")])
    merge_shards(tmp_path)
    [row] = read_rows(tmp_path)
    assert row.error is None


@pytest.mark.parametrize("change", [{"codec_sha256": "cd34"}, {"image_sha256": "other"}])
def test_two_different_labels_of_one_picture_are_refused(
    tmp_path: Path, change: dict[str, str]
) -> None:
    write_shard(tmp_path, [_row("a")])
    write_shard(tmp_path, [replace(_row("a"), **change), _row("b")])
    with pytest.raises(LabelsError, match="a is labelled twice by hyperprior"):
        finished(tmp_path)


def test_what_a_killed_writer_leaves_is_no_label(tmp_path: Path) -> None:
    path = write_shard(tmp_path, [_row("a")])
    half = tmp_path / "part-0123-99.partial"
    half.write_bytes(path.read_bytes()[:100])
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a-99.partial").write_bytes(b"\x89PNG")
    assert [row.key for row in read_rows(tmp_path)] == ["a"]
    clear_partial(tmp_path)
    assert list(tmp_path.rglob("*.partial")) == []


def test_without_labels_it_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"python -m riskmask\.model\.label"):
        list(read_rows(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"python -m riskmask\.model\.label"):
        Recipe.load(tmp_path)


def test_a_folder_keeps_to_one_recipe(tmp_path: Path) -> None:
    recipe = Recipe("train", False, ("DejaVuSans.ttf",), ("text",), ("jpeg",), ("a coder",))
    recipe.claim(tmp_path)
    recipe.claim(tmp_path)
    assert Recipe.load(tmp_path) == recipe
    with pytest.raises(LabelsError, match="other fonts, classics"):
        replace(recipe, fonts=(), classics=()).claim(tmp_path)
    assert Recipe.load(tmp_path) == recipe


def test_another_coder_of_the_same_name_does_not_go_on(tmp_path: Path) -> None:
    coders = describe_coders(["jpeg", "x265"])
    recipe = Recipe("test", False, (), ("text",), ("jpeg", "x265"), coders)
    content = asdict(recipe)
    del content["coders"]  # as folders were written while x265 coded at a constant quantiser
    (tmp_path / "recipe.json").write_text(json.dumps(content))
    with pytest.raises(LabelsError, match="other coders"):
        recipe.claim(tmp_path)
    assert "constant quantiser" in Recipe.load(tmp_path).coders[1]
