"""Symbols: an icon that became another of its family, faded away, or a barcode that is lost."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zxingcpp
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from riskmask.model.annotators import ANNOTATORS
from riskmask.model.annotators.base import Glyph, KnownRegion
from riskmask.model.annotators.glyphs import GlyphBank
from riskmask.model.annotators.symbol import SymbolAnnotator
from riskmask.model.corpus import Icon

Pixels = NDArray[np.uint8]
Draw = Callable[..., tuple[Pixels, KnownRegion]]
FAMILIES = [
    ("marks", "disc"),
    ("marks", "cross"),
    ("marks", "triangle"),
    ("marks", "bars"),
    ("arrows", "up"),
    ("arrows", "left"),
]


@pytest.fixture(scope="module")
def annotator(bank: GlyphBank) -> SymbolAnnotator:
    return SymbolAnnotator(bank)


@pytest.fixture(scope="module")
def barcode() -> tuple[Pixels, KnownRegion]:
    """A printed EAN-13 on a wall."""
    drawn = zxingcpp.create_barcode("4006381333931", zxingcpp.BarcodeFormat.EAN13)
    bars = np.array(drawn.to_image(scale=2))
    canvas = np.full((bars.shape[0] + 60, bars.shape[1] + 80, 3), 200, np.uint8)
    canvas[30 : 30 + bars.shape[0], 40 : 40 + bars.shape[1]] = bars[:, :, None]
    right, bottom = 40.0 + bars.shape[1], 30.0 + bars.shape[0]
    polygon = ((40.0, 30.0), (right, 30.0), (right, bottom), (40.0, bottom))
    return canvas, KnownRegion("symbol", polygon, "4006381333931", barcode=True)


def _blurred(picture: Pixels, radius: float) -> Pixels:
    return np.array(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius)))


@pytest.mark.parametrize(("family", "name"), FAMILIES)
@pytest.mark.parametrize("side", [16, 40])
def test_an_untouched_icon_is_no_finding(
    annotator: SymbolAnnotator, icon: Draw, family: str, name: str, side: int
) -> None:
    original, region = icon(family, name, side)
    examination = annotator.examine(original, [region])
    assert list(examination.judged) == [0]
    buffer = io.BytesIO()
    Image.fromarray(original).save(buffer, "JPEG", quality=75)
    shifted = np.roll(original, 1, axis=1)
    for copy in (original, np.array(Image.open(buffer)), _blurred(original, 0.8), shifted):
        assert examination.judge(copy) == {}


@pytest.mark.parametrize(
    ("family", "was", "becomes"),
    [("marks", "disc", "cross"), ("marks", "triangle", "bars"), ("arrows", "left", "right")],
)
def test_another_icon_is_a_finding_of_high_impact(
    annotator: SymbolAnnotator, icon: Draw, family: str, was: str, becomes: str
) -> None:
    original, region = icon(family, was)
    [finding] = annotator.examine(original, [region]).judge(icon(family, becomes)[0]).values()
    assert finding.evidence == f"icon '{was}' → looks like '{becomes}'"
    assert (finding.content, finding.kind) == ("symbol", "shape")
    assert finding.high_impact
    assert finding.severity == 1.0
    assert finding.polygon == region.polygon


def test_a_faded_icon_is_a_change_of_amplitude(annotator: SymbolAnnotator, icon: Draw) -> None:
    ghost = (200, 197, 189)  # a seventh of the contrast is left
    original, region = icon("arrows", "up")
    [finding] = (
        annotator.examine(original, [region]).judge(icon("arrows", "up", ink=ghost)[0]).values()
    )
    assert finding.kind == "amplitude"
    assert not finding.high_impact
    assert finding.evidence.startswith("icon 'up' dissolved")


def test_an_icon_that_is_gone_is_a_change_of_amplitude(
    annotator: SymbolAnnotator, icon: Draw
) -> None:
    original, region = icon("marks", "cross", 24)
    empty = np.full_like(original, original[0, 0])
    [finding] = annotator.examine(original, [region]).judge(empty).values()
    assert finding.kind == "amplitude"
    assert finding.severity > 0.9


@pytest.mark.parametrize(("family", "name"), FAMILIES)
def test_a_smear_is_no_other_icon_though_one_fits_it_best(
    annotator: SymbolAnnotator, bank: GlyphBank, icon: Draw, family: str, name: str
) -> None:
    original, region = icon(family, name)
    smear = _blurred(original, 40 / 3)
    [finding] = annotator.examine(original, [region]).judge(smear).values()
    assert finding.kind == "amplitude"
    assert not finding.high_impact
    assert finding.evidence.startswith(f"icon '{name}' dissolved")


@pytest.mark.parametrize(("strength", "kind"), [(0.2, "amplitude"), (0.7, "shape")])
def test_another_icon_counts_when_it_is_drawn_with_the_first_one_s_contrast(
    annotator: SymbolAnnotator, icon: Draw, strength: float, kind: str
) -> None:
    original, region = icon("arrows", "up")
    other, _ = icon("arrows", "left")
    ground = np.full_like(original, original[0, 0])
    faint = np.round(ground + strength * (other.astype(float) - ground)).astype(np.uint8)
    [finding] = annotator.examine(original, [region]).judge(faint).values()
    assert (finding.kind, finding.high_impact) == (kind, kind == "shape")


def test_an_icon_that_is_not_itself_in_the_original_is_not_judged(
    annotator: SymbolAnnotator, icon: Draw
) -> None:
    _, region = icon("marks", "disc")
    empty = np.full((80, 96, 3), 128, np.uint8)
    assert list(annotator.examine(empty, [region]).judged) == []
    other, _ = icon("marks", "cross")
    assert list(annotator.examine(other, [region]).judged) == []


def test_a_barcode_that_no_longer_decodes_is_a_finding(
    annotator: SymbolAnnotator, barcode: tuple[Pixels, KnownRegion]
) -> None:
    original, region = barcode
    examination = annotator.examine(original, [region])
    assert list(examination.judged) == [0]
    assert examination.judge(_blurred(original, 0.5)) == {}
    [finding] = examination.judge(_blurred(original, 9)).values()
    assert finding.evidence == "barcode '4006381333931' → does not decode"
    assert not finding.high_impact


def test_a_barcode_of_another_number_is_a_finding_of_high_impact(
    annotator: SymbolAnnotator, barcode: tuple[Pixels, KnownRegion]
) -> None:
    original, region = barcode
    other = zxingcpp.create_barcode("4006381333948", zxingcpp.BarcodeFormat.EAN13)
    bars = np.array(other.to_image(scale=2))
    changed = original.copy()
    changed[30 : 30 + bars.shape[0], 40 : 40 + bars.shape[1]] = bars[:, :, None]
    [finding] = annotator.examine(original, [region]).judge(changed).values()
    assert finding.evidence == "barcode '4006381333931' → '4006381333948'"
    assert finding.high_impact


def test_a_barcode_that_says_something_else_than_the_truth_is_not_judged(
    annotator: SymbolAnnotator, barcode: tuple[Pixels, KnownRegion]
) -> None:
    original, region = barcode
    wrong = KnownRegion("symbol", region.polygon, "4006381333948", barcode=True)
    plain = KnownRegion("symbol", region.polygon, "a road sign")
    assert list(annotator.examine(original, [wrong, plain, region]).judged) == [2]


@pytest.mark.parametrize("gap", [8, 30, 60])
def test_a_barcode_is_not_taken_for_its_neighbour(annotator: SymbolAnnotator, gap: int) -> None:
    """Around a wide code its quiet zone is looked at too, and a stacked one lies in it."""
    words = ("AAAA-11111", "BBBB-22222")
    drawn = [
        np.array(zxingcpp.create_barcode(w, zxingcpp.BarcodeFormat.Code128).to_image(scale=2))[:40]
        for w in words
    ]
    width = max(code.shape[1] for code in drawn)
    canvas = np.full((2 * 40 + gap + 80, width + 80, 3), 255, np.uint8)
    regions = []
    for code, word, top in zip(drawn, words, (40, 80 + gap), strict=True):
        canvas[top : top + 40, 40 : 40 + code.shape[1]] = code[:, :, None]
        right, bottom = 40.0 + code.shape[1], top + 40.0
        polygon = ((40.0, top), (right, top), (right, bottom), (40.0, bottom))
        regions.append(KnownRegion("symbol", polygon, word, barcode=True))
    examination = annotator.examine(canvas, regions)
    assert list(examination.judged) == [0, 1]
    for lost in (0, 1):
        smeared = canvas.copy()
        top = (40, 80 + gap)[lost]
        smeared[top : top + 40] = smeared[top : top + 40].mean(axis=(0, 1)).astype(np.uint8)
        [finding] = examination.find(smeared)
        assert finding.region == lost
        assert finding.evidence == f"barcode '{words[lost]}' → does not decode"
        assert not finding.high_impact


def test_twins_of_a_drawing_are_not_held_against_it(tmp_path: Path) -> None:
    for name, radius in (("disc", 9), ("twin", 9.2), ("dot", 3)):
        (tmp_path / f"svg_round__{name}.svg").write_text(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
            f'<circle cx="12" cy="12" r="{radius}"/></svg>',
            encoding="utf-8",
        )
    bank = GlyphBank(Icon(path, "round", "tests") for path in tmp_path.glob("*.svg"))
    ink = (25, 30, 40)

    def drawn(name: str) -> Pixels:
        coverage = bank.coverage("round", name, 40, 40)[..., None]
        return np.asarray(255 - coverage * (255 - np.array(ink)), dtype=np.uint8)

    corners = ((0.0, 0.0), (40.0, 0.0), (40.0, 40.0), (0.0, 40.0))
    region = KnownRegion("symbol", corners, glyph=Glyph("round", "disc", (0, 0, 40, 40), ink))
    examination = SymbolAnnotator(bank).examine(drawn("disc"), [region])
    assert list(examination.judged) == [0]
    assert examination.judge(drawn("twin")) == {}
    assert set(examination.judge(drawn("dot"))) == {0}


def test_a_family_is_rendered_whole_and_in_order(bank: GlyphBank) -> None:
    names, coverage = bank.family("marks", 40, 30)
    assert names == ["bars", "cross", "disc", "triangle"]
    assert coverage.shape == (4, 30, 40)
    share = coverage.mean(axis=(1, 2))
    assert (share > 0.1).all()
    assert (share < 0.8).all()


def test_every_annotator_is_registered_under_its_own_name(bank: GlyphBank) -> None:
    for name, make in ANNOTATORS.items():
        assert make(bank).name == name
    assert set(ANNOTATORS) >= {"text", "symbol"}


def test_an_unknown_glyph_is_an_error_and_no_verdict(
    annotator: SymbolAnnotator, icon: Draw
) -> None:
    original, region = icon("marks", "disc")
    stranger = KnownRegion(
        "symbol", region.polygon, glyph=Glyph("marks", "star", (20, 16, 40, 40), (0, 0, 0))
    )
    with pytest.raises(ValueError, match="star"):
        annotator.examine(original, [stranger])
