"""Why a region is flagged, in one English sentence; and what an older server leaves out."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from riskmask.client import (
    Analysis,
    ChangeKind,
    Client,
    ContentType,
    Explanation,
    FakeTransport,
    SafeTextHeight,
)
from riskmask.client._labels import wrapped
from riskmask.client._overlay import draw_overlay, why_lines
from riskmask.v1 import riskmask_pb2 as pb

TEXT = Explanation(ContentType.TEXT, 0.934, ChangeKind.SHAPE, 0.62, 9.2, SafeTextHeight(13.4, 0.3))


@pytest.mark.parametrize(
    ("explanation", "sentence"),
    [
        (
            TEXT,
            "text (0.93) about 9 px high; hyperprior keeps most text from 14 px on at this rate; "
            "likeliest change: shape (0.62)",
        ),
        (
            dataclasses.replace(TEXT, text_height=20.0),
            "text (0.93) about 20 px high; although hyperprior keeps most text from 14 px on at "
            "this rate; likeliest change: shape (0.62)",
        ),
        (
            dataclasses.replace(TEXT, safe_text_height=SafeTextHeight(None, 0.3)),
            "text (0.93) about 9 px high; hyperprior keeps text of no measured height at this "
            "rate; likeliest change: shape (0.62)",
        ),
        (
            dataclasses.replace(TEXT, safe_text_height=None),
            "text (0.93) about 9 px high; likeliest change: shape (0.62)",
        ),
        (
            dataclasses.replace(TEXT, text_height=None, safe_text_height=None),
            "text (0.93); likeliest change: shape (0.62)",
        ),
        (
            Explanation(ContentType.FACE, 0.8, ChangeKind.GEOMETRY, 0.5),
            "face (0.80); likeliest change: geometry (0.50)",
        ),
        (
            Explanation(ContentType.SYMBOL, 1.0, ChangeKind.AMPLITUDE, 0.4),
            "symbol (1.00); likeliest change: amplitude (0.40)",
        ),
        (Explanation(None, 0.3, None, 0.0), "detail"),
    ],
)
def test_the_sentence_says_what_is_known(explanation: Explanation, sentence: str) -> None:
    assert explanation.sentence("hyperprior") == sentence


@pytest.fixture
def analysis(answer: pb.Analysis) -> Analysis:
    with Client(transport=FakeTransport(lambda request: answer)) as client:
        return client.analyze(b"image")


def test_a_message_becomes_an_explanation_and_json(analysis: Analysis) -> None:
    first, second = analysis.regions
    assert first.explanation == Explanation(
        ContentType.TEXT, 0.9, ChangeKind.SHAPE, 0.7, 9.0, SafeTextHeight(14.0, 0.25)
    )
    assert analysis.why(first).startswith("text (0.90) about 9 px high; hyperprior keeps")
    content = json.loads(analysis.to_json())["regions"][0]["explanation"]
    assert content["content"] == "TEXT"
    assert content["safe_text_height"] == {"pixels": 14.0, "changed_share": 0.25}
    assert content["sentence"] == analysis.why(first)
    assert second.explanation is None
    assert analysis.why(second) == ""
    assert json.loads(analysis.to_json())["regions"][1]["explanation"] is None


def test_what_is_newer_than_the_client_is_left_unsaid(answer: pb.Analysis) -> None:
    message = answer.regions[0].explanation
    message.content = message.kind = 99  # type: ignore[assignment]
    message.ClearField("text_height")
    message.safe_text_height.ClearField("pixels")
    with Client(transport=FakeTransport(lambda request: answer)) as client:
        [why, _] = (region.explanation for region in client.analyze(b"image").regions)
    assert why == Explanation(None, 0.9, None, 0.7, None, SafeTextHeight(None, 0.25))


@pytest.mark.parametrize("width", [40, 200, 900])
def test_sentences_stay_within_the_width_they_are_given(width: int) -> None:
    font = ImageFont.load_default(15)
    text = f"{TEXT.sentence('hyperprior')} {'unbreakable' * 20}"
    lines = wrapped(text, font, width)
    assert all(font.getlength(line) <= width for line in lines)
    if width == 900:
        assert lines[0].startswith("text (0.93) about 9 px high; hyperprior keeps most text")


def test_the_overlay_says_why_under_its_legend(analysis: Analysis) -> None:
    font = ImageFont.load_default(15)
    [line] = why_lines(analysis, [1, 2], font, 900)
    assert line == f"1: {analysis.why(analysis.regions[0])}"
    size = (1000, 600)
    silent = dataclasses.replace(
        analysis,
        regions=tuple(dataclasses.replace(each, explanation=None) for each in analysis.regions),
    )
    pictures = [
        draw_overlay(Image.new("RGB", size), Image.new("L", size), each)
        for each in (analysis, silent)
    ]
    assert pictures[0].height > pictures[1].height


def test_the_command_says_why_and_how_high_the_text_is(riskmask: Any, tmp_path: Path) -> None:
    path = _notice(tmp_path)
    done = riskmask("analyze", path, "--bpp", 0.03)
    assert done.returncode == 0, done.stderr
    [why] = [line for line in done.stdout.splitlines() if line.startswith("  1: ")]
    assert "text (" in why
    assert "hyperprior keeps most text from " in why


def test_with_a_profile_that_knows_it_says_what_is_kept(
    riskmask: Callable[..., Any], profiles_folder: Path, detector_path: Path, tmp_path: Path
) -> None:
    path = _notice(tmp_path)
    profile = json.loads((profiles_folder / "jpeg.json").read_text())
    field = {"schema": 1, "changed_share": 0.3, "pixels": [60] * 8, "fitted_on": "a test"}
    folder = tmp_path / "profiles"
    folder.mkdir()
    (folder / "jpeg.json").write_text(json.dumps(profile | {"safe_text_height": field}))
    done = riskmask(
        *("analyze", path, "--codec", "jpeg", "--quality", 5),
        *("--model", detector_path, "--profiles", folder),
        local=False,
    )
    assert done.returncode == 0, done.stderr
    assert " px high; jpeg keeps most text from 60 px on at this rate; " in done.stdout


def _notice(folder: Path) -> Path:
    """Dark red letters on red, which the tiny detector takes for text at risk."""
    canvas = Image.new("RGB", (320, 64), (255, 0, 0))
    font = ImageFont.load_default(24)
    ImageDraw.Draw(canvas).text((16, 16), "Gate closes 13:38", (150, 0, 0), font)
    path = folder / "notice.png"
    canvas.save(path)
    return path
