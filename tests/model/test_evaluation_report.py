"""The evaluation's tables: every figure is there, and is held against what it has to reach."""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from riskmask.model.evaluate.bars import held_against
from riskmask.model.evaluate.figures import COLUMNS, write_csv
from riskmask.model.evaluate.groups import Group, measure_group
from riskmask.model.evaluate.precision import UNKNOWN
from riskmask.model.evaluate.rates import RateErrors
from riskmask.model.evaluate.report import CodecReport, Report, write_markdown
from riskmask.model.evaluate.subject import OWN, ScoreBook, profiled
from riskmask.model.runtime.profiles import packaged_profiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskmask.model.data.training_set import Example
    from riskmask.model.evaluate.judged import Scores

    from .conftest import ThreeWords

RATES = RateErrors((0, 2, 4, 6), np.array([[0.1, 0.2, 0.3, 0.4]] * 3))


def _scored(words: ThreeWords, pictures: int) -> tuple[list[Example], dict[str, list[Scores]]]:
    """Three words each; riskmask has them in the right order, the other one has not."""
    examples = [words.example(f"picture-{index}") for index in range(pictures)]
    scores: dict[str, list[Scores]] = {
        OWN: [words.map(0.9, 0.4, 0.1)] * pictures,
        "other": [words.map(0.3, 0.4, 0.9, ground=0.35)] * pictures,
    }
    return examples, scores


@pytest.fixture(scope="module")
def small(words: ThreeWords) -> Group:
    return measure_group("all pictures", *_scored(words, 2))


@pytest.fixture(scope="module")
def large(words: ThreeWords) -> Group:
    return measure_group("all pictures", *_scored(words, 70))


@pytest.fixture(scope="module")
def larger(words: ThreeWords) -> Group:
    return measure_group("all pictures", *_scored(words, 100))


def test_the_page_and_the_csv_hold_the_figures(tmp_path: Path, small: Group) -> None:
    scenes = replace(small, name="rendered scenes")
    part = CodecReport("cdc", "version 7; fitted on air", small, [scenes], RATES)
    out = tmp_path / "docs" / "evaluation.md"
    write_markdown(Report("Of words", "tiny", [part]), out, "evaluation.csv")
    text = out.read_text("utf-8")
    assert text.startswith("# Of words\n")
    assert "### Rendered scenes (2 pictures)" in text
    assert "Profile: version 7; fitted on air." in text
    assert "median 25.0%" in text
    assert "nan" not in text
    # One of three words changes at level 3: the right order finds it first, the wrong one last.
    [levels, part_of_text] = [
        line for line in text.splitlines() if line.startswith(("| 3 | 6 |", "| 3 | text (6)"))
    ]
    assert levels.startswith("| 3 | 6 | 33% | yes | 1.000 | 0.333 (other) | +0.667 to +0.667 |")
    assert part_of_text.startswith("| 3 | text (6) | 2 | (1.000) | (0.333 (other)) | +0.667")

    write_csv(Report("Of words", "tiny", [part]), tmp_path / "evaluation.csv")
    written = (tmp_path / "evaluation.csv").read_text("utf-8")
    lines = list(csv.DictReader(written.splitlines()))
    assert tuple(lines[0]) == COLUMNS
    found = {
        (line["pictures"], line["level"], line["figure"], line["method"]): line for line in lines
    }
    assert found["rendered scenes", "3", "region AP", "other"]["value"] == "0.3333"
    above = found["all pictures", "3", "region AP above the best baseline", OWN]
    assert (above["value"], above["low"], above["high"]) == ("0.6667",) * 3
    assert {line["codec"] for line in lines} == {"cdc"}


def test_few_regions_are_held_against_no_bar(small: Group) -> None:
    bars = held_against(small, RATES)
    assert {bar.met for bar in bars if "bpp" not in bar.name} == {None}
    [rate] = [bar for bar in bars if "bpp" in bar.name]
    assert (rate.value, rate.met) == (pytest.approx(0.25), False)
    assert not any("bpp" in bar.name for bar in held_against(small, None))


def test_bars_are_met_and_missed(words: ThreeWords, large: Group) -> None:
    met = {bar.name: bar.met for bar in held_against(large, None)}
    assert met["region AP above the best baseline's, level 3"] is True
    assert met["Spearman of predicted and true safe level"] is True
    assert [met[name] for name in met if name.startswith("recall of text")] == [True]

    examples, scores = _scored(words, 70)
    swapped = measure_group("all", examples, dict(reversed(scores.items())))
    missed = {bar.name: bar.met for bar in held_against(swapped, None)}
    assert missed.keys() == met.keys()
    assert missed["region AP above the best baseline's, level 3"] is False
    assert missed["Spearman of predicted and true safe level"] is False
    assert [missed[name] for name in missed if name.startswith("recall of text")] == [False]


def test_a_lower_bound_counts_where_enough_regions_changed(large: Group, larger: Group) -> None:
    # Of 210 words 140 change at level 0, and 70 at the finer ones: never 200.
    few = held_against(large, None)
    assert not any(bar.name.startswith("lower bound") for bar in few)
    many = held_against(larger, None)
    [bar] = [bar for bar in many if bar.name.startswith("lower bound")]
    assert bar.name.endswith("of levels 0")
    assert (bar.value, bar.met) == (pytest.approx(1 - 7 / 12, abs=0.2), True)


def test_a_level_without_an_interval_hides_no_other(larger: Group) -> None:
    undefined = replace(larger.rows[0], level=7, region_interval=UNKNOWN)
    bars = held_against(replace(larger, rows=[undefined, *larger.rows]), None)
    [bar] = [bar for bar in bars if bar.name.startswith("lower bound")]
    assert (bar.name[-11:], bar.met) == ("of levels 0", True)


class _Counting:
    """A detector that counts how often it is asked, and a baseline of the same sort."""

    name = "grey"
    asked = 0

    def predict(self, image: NDArray[np.uint8]) -> _Counting:
        self.asked += 1
        return self

    @property
    def risk(self) -> NDArray[np.float16]:
        return np.linspace(0.9, 0.2, 8, dtype=np.float16)[:, None, None] * np.ones((1, 32, 32))

    def score(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.asked += 1
        return np.ones((32, 32), np.float32)


def test_pictures_are_scored_once_for_all_codecs(words: ThreeWords) -> None:
    detector, baseline = _Counting(), _Counting()
    book = ScoreBook(detector, [baseline])  # type: ignore[arg-type]
    examples = [words.example("one"), words.example("two")]
    profiles = packaged_profiles()
    own = book.scores(examples, profiles["hyperprior"])
    other = book.scores(examples, profiles["hific"])
    assert (detector.asked, baseline.asked) == (2, 2)
    assert list(own) == list(other) == [OWN, "grey"]
    assert own[OWN][0].shape == (8, 32, 32)
    assert own["grey"][0].shape == (1, 32, 32)
    np.testing.assert_allclose(own[OWN][0][:, 0, 0], np.linspace(0.9, 0.2, 8), atol=1e-3)
    assert not np.allclose(own[OWN][0], other[OWN][0], atol=0.01)


def test_a_profile_calibrates_level_by_level() -> None:
    profile = replace(
        packaged_profiles()["hyperprior"],
        risk_slope=(2.0,) * 8,
        risk_intercept=tuple(-0.1 * level for level in range(8)),
    )
    risk = np.full((8, 2, 3), 0.3, np.float16)
    logits = 2 * np.log(0.3 / 0.7) - 0.1 * np.arange(8)
    wanted = np.broadcast_to((1 / (1 + np.exp(-logits)))[:, None, None], (8, 2, 3))
    np.testing.assert_allclose(profiled(risk, profile), wanted, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--codec", "nocodec"], "there is no profile of nocodec"),
        (["--labels", "nowhere"], "no labels in nowhere"),
        (["--model", "nowhere.onnx"], "nowhere.onnx"),
    ],
    ids=["codec", "labels", "model"],
)
def test_what_is_missing_is_named(arguments: list[str], told: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "riskmask.model.evaluate", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert told in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not list(tmp_path.iterdir())
