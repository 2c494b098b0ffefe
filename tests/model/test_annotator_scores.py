"""The benchmark's arithmetic: what counts as found, as false, and as the right kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from riskmask.model.annotators.base import Finding, KindName
from riskmask.model.plants.near_lossless import NearLossless
from riskmask.model.plants.pairs import Pair, Plant
from riskmask.model.plants.reconstructions import Row, flagged_share
from riskmask.model.plants.report import Report, write_markdown
from riskmask.model.plants.score import Outcome, Share, outcome_of, score

PICTURE = np.zeros((80, 120, 3), np.uint8)


def _mask(top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros((20, 30), dtype=bool)
    mask[top : top + height, left : left + width] = True
    return mask


def _finding(mask: np.ndarray | None, kind: KindName = "shape") -> Finding:
    box = ((40.0, 20.0), (80.0, 20.0), (80.0, 40.0), (40.0, 40.0))
    return Finding(None, None, kind, False, 1.0, "…", box, mask)


def _pair(planted: bool = True) -> Pair:
    plant = Plant("shape", "contour bent", "shape", _mask(5, 10, 5, 10)) if planted else None
    return Pair("one", PICTURE, PICTURE, (), plant, "untouched")


def test_a_finding_on_the_plant_is_a_hit() -> None:
    outcome = outcome_of("shape", _pair(), [_finding(_mask(6, 12, 3, 3))])
    assert outcome == Outcome("shape", "shape", "contour bent", "shape", "shape", 0)


def test_a_finding_without_a_mask_counts_with_its_polygon() -> None:
    assert outcome_of("shape", _pair(), [_finding(None)]).kind == "shape"


def test_a_finding_elsewhere_is_a_false_one_and_no_hit() -> None:
    outcome = outcome_of("shape", _pair(), [_finding(_mask(15, 0, 4, 4))])
    assert (outcome.kind, outcome.elsewhere) == (None, 1)


def test_a_finding_of_the_whole_picture_hits_nothing() -> None:
    outcome = outcome_of("shape", _pair(), [_finding(_mask(0, 0, 20, 30))])
    assert (outcome.kind, outcome.elsewhere) == (None, 1)


def test_of_several_hits_the_one_that_covers_most_says_the_kind() -> None:
    findings = [_finding(_mask(6, 12, 1, 1), "geometry"), _finding(_mask(5, 10, 5, 5), "shape")]
    outcome = outcome_of("shape", _pair(), findings)
    assert (outcome.kind, outcome.elsewhere) == ("shape", 0)


def test_every_finding_on_a_harmless_pair_is_a_false_one() -> None:
    findings = [_finding(_mask(0, 0, 2, 2)), _finding(_mask(9, 9, 2, 2))]
    outcome = outcome_of("shape", _pair(planted=False), findings)
    assert outcome == Outcome("shape", None, "untouched", None, None, 2)


OUTCOMES = [
    *[Outcome("face", "face", "face swapped", "shape", "shape", 0)] * 6,
    *[Outcome("face", "face", "face swapped", "shape", "amplitude", 1)] * 2,
    *[Outcome("face", "face", "landmark moved", "geometry", None, 0)] * 2,
    Outcome("face", None, "untouched", None, None, 0),
    Outcome("face", None, "light noise", None, None, 3),
    # of another annotator's plants and of another annotator nothing counts
    *[Outcome("face", "amplitude", "blurred", "amplitude", None, 5)] * 4,
    *[Outcome("shape", "face", "face swapped", "shape", None, 7)] * 4,
]


def test_recall_precision_and_kind_are_counted() -> None:
    result = score("face", OUTCOMES)
    assert result.recall == Share(8, 10)
    assert result.precision == Share(8, 8 + 2 + 3)
    assert result.kind == Share(6, 8)


def test_the_interval_is_wilson_s() -> None:
    # Newcombe, Statistics in Medicine 17, 1998, table I: 81 of 263
    assert Share(81, 263).interval == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert Share(0, 20).interval == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert Share(20, 20).interval[1] == 1.0
    assert np.isnan(Share(0, 0).value)
    assert np.isnan(Share(0, 0).interval).all()


def test_the_page_names_the_bars_that_are_missed(tmp_path: Path) -> None:
    clean = NearLossless(Share(97, 100), {"PNG": Share(100, 100)}, {"face": Share(97, 100)})
    report = Report("python -m …", "pictures", "YuNet", OUTCOMES, clean, [_row()])
    write_markdown(report, tmp_path / "docs" / "page.md")
    page = (tmp_path / "docs" / "page.md").read_text(encoding="utf-8")
    assert "| face | 10 | 80.0% (49% to 94%) | 61.5%" in page
    assert "| missed: precision, kind |" in page
    assert "| text | 0 | | | | nothing to plant in |" in page
    assert "| face | landmark moved | 0.0% (0% to 66%) |" in page
    assert "| face | geometry | 0 | 0 | 0 | 2 |" in page
    assert "the bar of 98% is missed" in page
    assert "| face | 1 of 1 | 0 of 1 |" in page  # light noise, untouched
    assert "| codec | level | pictures | bpp | shape | text |\n" in page  # nobody judged a face
    assert "| hyperprior | 2 | 2 | 0.30 | 15.0% | 3 of 8 |" in page


def test_the_share_of_an_area_counts_cells_once() -> None:
    one, other = _finding(_mask(0, 0, 10, 10)), _finding(_mask(5, 0, 10, 10))
    assert flagged_share([], (80, 120)) == 0
    assert flagged_share([one], (80, 120)) == pytest.approx(100 / 600)
    assert flagged_share([one, other], (80, 120)) == pytest.approx(150 / 600)
    whole = _finding(None)  # about its polygon: 40 x 20 pixels
    assert flagged_share([whole], (80, 120)) == pytest.approx(50 / 600)


def _row() -> Row:
    return Row(
        codec="hyperprior",
        level=2,
        bpp=[0.2, 0.4],
        areas={"shape": [0.1, 0.2]},
        regions={"text": [(1, 4), (2, 4)], "face": [(0, 0), (0, 0)]},
    )
