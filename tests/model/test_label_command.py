"""The labelling command says what cannot be done before it starts anything; the card counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from riskmask.model.data.label_rows import ClassicVerdict, LabelFinding, LabelRow, Place
from riskmask.model.data.recipe import Recipe
from riskmask.model.data.shards import write_shard
from riskmask.model.label.__main__ import codec_identities, main
from riskmask.model.label.card import card

BOX = ((8.0, 8.0), (40.0, 8.0), (40.0, 24.0), (8.0, 24.0))


@pytest.fixture
def empty_corpus(tmp_path: Path) -> Path:
    root = tmp_path / "corpus"
    root.mkdir()
    (root / "annotations.json").write_text(json.dumps({"images": [], "svg": []}), encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--codec", "mpeg"], "mpeg is not one of factorized, hyperprior"),
        (["--group", "cats"], "cats is not one of text, face, photo"),
        (["--annotator", "smell"], "smell is not one of text, symbol"),
        (["--classic", "mpeg"], "mpeg is not one of jpeg"),
        (["--classic", "none", "--classic", "jpeg"], "none is not one of jpeg"),
        (["--side", "back"], "must be train or test"),
        (["--corpus", "nowhere"], "nowhere holds no annotations.json"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_starts(
    empty_corpus: Path, tmp_path: Path, options: Sequence[str], said: str
) -> None:
    app = typer.Typer()
    app.command()(main)
    out = tmp_path / "labels"
    run = CliRunner().invoke(app, ["--corpus", str(empty_corpus), "--out", str(out), *options])
    assert run.exit_code == 2
    assert said in " ".join(run.output.replace("│", " ").split())
    assert not out.exists()


def test_a_codec_without_weights_says_how_to_make_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riskmask.model.runtime.weights.packaged_folder", lambda: tmp_path)
    with pytest.raises(
        typer.BadParameter, match=r"cdc has no packaged weights.*--architecture cdc"
    ):
        codec_identities(["cdc"])


def test_a_classic_codec_without_a_profile_says_how_to_fit_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("riskmask.model.codecs.classic.packaged_profiles", dict)
    with pytest.raises(typer.BadParameter, match=r"webp has no codec profile.*--codec webp"):
        codec_identities(["webp"])


def _row(key: str, codec: str, level: int, right: bool | None) -> LabelRow:
    quality, bpp = (None, None) if right is None else (9, 0.2)
    finding = LabelFinding(
        annotator="text",
        level=level,
        region=0,
        content="text",
        kind="shape",
        high_impact=True,
        severity=0.5,
        evidence="'6' → '8'",
        polygon=BOX,
        mask=None,
        classic=(ClassicVerdict("jpeg", quality, bpp, right),),
    )
    return LabelRow(
        key=key,
        codec=codec,
        codec_sha256=f"{codec}0000000",
        image_sha256=key,
        source="someone/words",
        licence_class="research",
        width=64,
        height=48,
        bpp=(0.25,) * 8,
        places=(Place("text", BOX, True), Place("face", BOX, False)),
        findings=(finding,),
    )


def test_the_card_counts_what_the_rows_hold(tmp_path: Path) -> None:
    Recipe("test", False, ("A.ttf", "B.ttf"), ("text",), ("jpeg",), ("a coder",)).claim(tmp_path)
    rows = [
        _row("a", "hyperprior", 2, True),
        _row("b", "hyperprior", 2, False),
        _row("c", "hyperprior", 5, None),
        _row("a", "hific", 0, True),
        replace(_row("b", "hific", 0, True), findings=()),
        LabelRow("d", "hific", "hific0000000", error="OSError: image file is truncated"),
    ]
    write_shard(tmp_path, rows)
    lines = card(tmp_path).splitlines()
    assert "| hyperprior | hyperpri | 3 | 0 | 3 | 3 | 3 |" in lines
    assert "| hific | hific000 | 2 | 1 | 2 | 1 | 1 |" in lines
    assert "| hyperprior | 3 | 0 | 0 | 0 | 0 | 0 | 3 |" in lines  # all text, all of shape
    assert "| hyperprior | 0 | 0 | 2 | 0 | 0 | 1 | 0 | 0 |" in lines
    assert "| hyperprior | jpeg | 2 | 1 |" in lines
    assert "| hific | jpeg | 1 | 1 |" in lines
    assert "| someone/words | research | 3 | 4 |" in lines
    assert "- Side of the split: test; licences of all classes." in lines
    assert not any(str(tmp_path) in line for line in lines)
