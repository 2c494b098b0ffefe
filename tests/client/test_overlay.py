"""The overlay: colour where the risk is, labels that do not cover one another, any size."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from riskmask.client import Analysis, Client, Content, Decision, FakeTransport, Mask, MaskType
from riskmask.client._outputs import risk_picture
from riskmask.client._overlay import colour_of, draw_overlay, label, tint
from riskmask.client._picture import load_for_display
from riskmask.client._report import describe_jpeg, regions_table
from riskmask.server.engine.decode import decode
from riskmask.v1 import riskmask_pb2 as pb


@pytest.fixture
def analysis(answer: pb.Analysis) -> Analysis:
    with Client(transport=FakeTransport(lambda request: answer)) as client:
        return client.analyze(b"image")


def test_risk_changes_the_colour_and_its_absence_keeps_the_picture_grey() -> None:
    grey = Image.new("RGB", (4, 1), (120, 120, 120))
    tinted = np.asarray(tint(grey, np.array([[0, 5, 128, 255]], np.uint8)))[0].astype(int)
    assert tinted[0].tolist() == [120, 120, 120]
    assert tinted[1].tolist() == [120, 120, 120]
    assert tinted[2][0] - tinted[2][2] > 40
    assert abs(tinted[3] - colour_of(1.0)).max() < 60


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (100, 60), (3000, 1800), (1, 20000)])
def test_every_size_gives_a_picture_with_a_legend(
    analysis: Analysis, size: tuple[int, int]
) -> None:
    facts = dataclasses.replace(analysis.image, width=size[0], height=size[1])
    sized = dataclasses.replace(analysis, image=facts)
    overlay = draw_overlay(Image.new("RGB", size), Image.new("L", size), sized)
    assert overlay.width >= 560
    assert overlay.height > min(960, size[1])


def test_regions_are_outlined_and_labelled_where_they_are(analysis: Analysis) -> None:
    risk = risk_picture(analysis.masks[0], (100, 60), (1000, 600))
    picture = Image.new("RGB", (1000, 600), (90, 90, 90))
    drawn = np.asarray(draw_overlay(picture, risk, analysis)).astype(int)
    white = (drawn[:600] > 240).all(axis=2)
    assert white[115:125, 300:500].any()
    assert not white[300:380, 600:].any()
    hot = drawn[150:180, 300:400]
    assert (hot[..., 0] - hot[..., 2]).mean() > 40


def test_the_legend_marks_the_threshold_of_the_policy(analysis: Analysis) -> None:
    assert analysis.policy is not None
    legends = []
    for threshold in (0.25, 0.75, None):
        policy = threshold and dataclasses.replace(analysis.policy, threshold=threshold)
        each = dataclasses.replace(analysis, policy=policy)
        size = (1000, 600)
        overlay = draw_overlay(Image.new("RGB", size), Image.new("L", size), each)
        legends.append(np.asarray(overlay)[size[1] :].astype(int))
    for legend in legends[:2]:
        assert (legend != legends[2]).any()
    left, right = (
        np.flatnonzero((legend != legends[2]).any(axis=(0, 2))).mean() for legend in legends[:2]
    )
    assert right - left == pytest.approx(0.5 * (1000 * 0.44 - 15), rel=0.05)  # half of the ramp


def test_a_label_says_content_risk_and_what_is_safe(analysis: Analysis) -> None:
    assert [label(region) for region in analysis.regions] == [
        "text 0.80, safe at 0.50 bpp",
        "detail 0.40, no safe rate",
    ]


def test_the_table_calls_a_region_what_its_label_does(analysis: Analysis) -> None:
    first, second = analysis.regions
    doubtful = dataclasses.replace(second, content=Content(text=0.12, face=0.49, symbol=0.3))
    likely = dataclasses.replace(second, content=Content(text=0.12, face=0.5, symbol=0.3))
    regions = first, doubtful, likely
    assert list(regions_table(regions).columns[2].cells) == ["text 0.90", "detail", "face 0.50"]
    assert [label(each).split()[0] for each in regions] == ["text", "detail", "face"]


def test_the_risk_picture_interpolates_between_the_centres_of_cells() -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.array([[0, 200]], np.uint8)).save(buffer, "PNG")
    mask = Mask(MaskType.RISK, buffer.getvalue(), 4)
    row = np.asarray(risk_picture(mask, (8, 4), (8, 4)))[0].astype(int)
    assert row[0] == 0
    assert row[7] == 200
    assert (np.diff(row) >= 0).all()
    assert 80 <= (row[3] + row[4]) / 2 <= 120
    narrow = np.asarray(risk_picture(mask, (6, 4), (6, 4)))[0]
    assert np.abs(narrow.astype(int) - row[:6]).max() <= 1


def test_a_fallback_that_is_at_risk_too_says_so_in_the_picture(analysis: Analysis) -> None:
    size = (1000, 600)
    risk = risk_picture(analysis.masks[0], (100, 60), size)
    legends = []
    for safe in (True, False):
        advice = dataclasses.replace(analysis.jpeg, safe=safe)
        fallback = dataclasses.replace(analysis, decision=Decision.FALLBACK_JPEG, jpeg=advice)
        overlay = draw_overlay(Image.new("RGB", size), risk, fallback)
        legends.append(np.asarray(overlay)[size[1] :])
    columns = np.flatnonzero((legends[0] != legends[1]).any(axis=(0, 2)))
    assert columns.size > 50


def test_a_jpeg_is_described_with_its_risk(analysis: Analysis) -> None:
    assert describe_jpeg(analysis.jpeg) == "quality 80, 4:2:0, about 1,234 bytes"
    at_risk = dataclasses.replace(analysis.jpeg, safe=False)
    assert describe_jpeg(at_risk).endswith("bytes, not safe either")
    unseen = dataclasses.replace(analysis.jpeg, estimated_bytes=None, safe=None)
    assert describe_jpeg(unseen) == "quality 80, 4:2:0"


@pytest.mark.parametrize("exif", [b"Exif\0\0XX*\0\x08\0\0\0", b"Exif\0\0II"])
@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_a_damaged_exif_block_does_not_cost_the_picture(
    tmp_path: Path, suffix: str, exif: bytes
) -> None:
    path = tmp_path / f"damaged.{suffix}"
    Image.new("RGB", (64, 48), (90, 20, 20)).save(path, exif=exif)
    assert decode(path.read_bytes()).pixels.shape == (48, 64, 3)
    assert load_for_display(path, 32).size == (32, 24)


def test_what_cannot_be_shown_is_an_error_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.png"
    Image.new("RGB", (64, 48)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # of which Pillow opens twice as many
    with pytest.raises(OSError, match=r"large\.png cannot be shown"):
        load_for_display(path, 32)
