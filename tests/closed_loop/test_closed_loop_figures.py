"""What the table says of trials whose outcome is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from riskmask.server.closed_loop.figures import Case, hindsights, summarise, why_not_compared
from riskmask.server.closed_loop.maps import (
    DETECTORS,
    HINDSIGHT,
    METHODS,
    RISKMASK,
    SALIENCY,
    UNIFORM,
)
from riskmask.server.closed_loop.pairs import contrasts
from riskmask.server.closed_loop.record import Trial
from riskmask.server.closed_loop.table import Made, write_table
from riskmask.server.closed_loop.witnesses import Judgement

# Of ten words, a face and a symbol: words lost, faces and symbols changed, dB in known and rest.
OUTCOME = {
    UNIFORM: (4, 1, 1, 30.0, 34.0),
    RISKMASK: (1, 0, 0, 33.0, 33.5),
    DETECTORS: (2, 0, 1, 32.5, 33.0),
    SALIENCY: (4, 1, 1, 30.0, 34.0),
    HINDSIGHT: (0, 0, 0, 34.0, 33.0),
}


def trial(picture: str, method: str, size: int = 1000) -> Trial:
    lost, faces, symbols, known, rest = OUTCOME[method]
    return Trial(
        picture,
        "tests",
        "x265",
        1.0,
        method,
        1000,
        size,
        judgement=Judgement(10, lost, 5, lost, 1, symbols, 1, faces, 0.05, {0: lost}),
        fidelity={"known": (known, 0.9), "rest": (rest, 0.95)},
    )


def all_methods(picture: str) -> list[Trial]:
    return [trial(picture, method) for method in METHODS]


@pytest.fixture(scope="module")
def case() -> Case:
    """Three pictures compared; one with a file that is too small, and one not finished."""
    short = [*all_methods("d")[:-1], trial("d", SALIENCY, 960)]
    trials = [t for key in "abc" for t in all_methods(key)] + short + all_methods("e")[:2]
    [found] = summarise(trials)
    return found


def test_pictures_without_equal_bytes_are_left_out_and_counted(case: Case) -> None:
    assert case.pictures == 3
    assert case.words == 30
    assert case.missed == {"saliency: bytes differ by more than 3%": 1, "not finished": 1}


def test_cuts_are_relative_to_uniform_coding(case: Case) -> None:
    plain, ours, theirs, saliency = case.outcomes
    assert [outcome.method for outcome in case.outcomes] == list(METHODS)
    assert plain.words_lost == pytest.approx(0.4)
    assert ours.cut.value == pytest.approx(0.75)
    assert ours.cut.interval == pytest.approx((0.75, 0.75))
    assert theirs.cut.value == pytest.approx(0.5)
    assert ours.damage_cut.value == pytest.approx(5 / 6)
    assert saliency.cut.value == 0
    assert ours.gain["known"].value == pytest.approx(3.0)
    assert ours.gain["rest"].value == pytest.approx(-0.5)


def test_differences_against_the_detectors_are_negative_where_riskmask_is_better(
    case: Case,
) -> None:
    assert case.words_against_detectors.value == pytest.approx(-0.1)
    assert case.damage_against_detectors.value == pytest.approx((1 - 3) / 12)
    assert case.damage_against_detectors.interval[1] < 0


def test_pictures_that_differ_give_an_interval_around_the_figure() -> None:
    lucky = [
        replace(t, judgement=replace(t.judgement, lost_words=4))
        if t.method == RISKMASK and t.judgement
        else t
        for t in all_methods("unlucky")
    ]
    [found] = summarise([*lucky, *(t for key in "abcd" for t in all_methods(key))])
    cut = found.outcomes[1].cut
    assert cut.value == pytest.approx(0.6)
    assert cut.interval[0] < cut.value < cut.interval[1]


def test_pairs_are_shown_at_equal_bytes_alone() -> None:
    trials = [*all_methods("a"), trial("b", UNIFORM), trial("b", RISKMASK, 960)]
    assert [each.plain.picture for each in contrasts(trials, 1.0)] == ["a"]


@pytest.mark.parametrize("method", [UNIFORM, RISKMASK])
def test_a_size_that_was_not_reached_is_the_reason(method: str) -> None:
    by_method = {t.method: t for t in all_methods("a")}
    assert why_not_compared(by_method) is None
    missed = replace(by_method[method], size_bytes=None, error="too small")
    assert why_not_compared({**by_method, method: missed}) == f"{method}: size not reached"
    failed = replace(missed, error="out of memory", failed=True)
    assert why_not_compared({**by_method, method: failed}) == f"{method}: the encoder failed"


def test_a_part_that_few_pictures_have_is_counted(tmp_path: Path) -> None:
    """One picture of two has a region at risk: its PSNR is not taken for that of both."""
    at_risk = [
        replace(t, fidelity={**t.fidelity, "risk": (28.0, 0.8)})
        for t in all_methods("a")
        if t.fidelity is not None
    ]
    [found] = summarise([*at_risk, *all_methods("b")])
    assert found.outcomes[0].having == {"known": 2, "risk": 1, "rest": 2}
    write_table(Made("a command", [], 2, {}, {}), [found], {}, [], tmp_path / "table.md")
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "| 28.0 (1) | 30.0 | 34.0 |" in text
    assert "No face" not in text


def test_the_table_says_that_no_face_was_judged(tmp_path: Path) -> None:
    faceless = [
        replace(t, judgement=replace(t.judgement, faces=0, changed_faces=0))
        for t in all_methods("a")
        if t.judgement is not None
    ]
    write_table(
        Made("a command", [], 1, {}, {}), summarise(faceless), {}, [], tmp_path / "table.md"
    )
    assert "No face of these pictures" in (tmp_path / "table.md").read_text(encoding="utf-8")


def test_the_table_has_a_row_for_each_method_and_says_what_was_left_out(
    case: Case, tmp_path: Path
) -> None:
    out = tmp_path / "docs" / "table.md"
    write_table(
        Made("a command", ["A fact."], 5, {"x265": 2}, {"x264": 1}),
        [case],
        {"scenes": [case]},
        [],
        out,
    )
    text = out.read_text(encoding="utf-8")
    assert "| x265 | 30% | riskmask | 3 | 30 | 10.0% | 75% (75% to 75%) |" in text
    assert "-16.7 points (-16.7 to -16.7)" in text
    assert "1 saliency: bytes differ by more than 3%" in text
    assert (
        "left\n  out (by target: x265 2), as where the encoder failed (by target: x264 1)." in text
    )
    assert "nan" not in text
    widths = {line.count("|") for line in text.splitlines() if line.startswith("| x265 | 30% | ")}
    assert len(widths) == 3
    assert "| x265 | 30% | scenes | 3 | 30 |" in text


def test_a_map_in_hindsight_is_told_apart_from_the_methods(tmp_path: Path) -> None:
    trials = [t for key in "ab" for t in (*all_methods(key), trial(key, HINDSIGHT))]
    later = [replace(t, factor=1.5) for t in all_methods("a")]
    alone = [t for t in all_methods("c") if t.method != SALIENCY]
    cases = summarise([*trials, *later])
    assert [outcome.method for case in cases for outcome in case.outcomes] == 2 * list(METHODS)
    [found] = hindsights([*trials, *later, *alone])
    assert (found.target, found.pictures, found.words) == ("x265", 2, 20)
    assert (found.ours.cut.value, found.after.cut.value) == pytest.approx((0.75, 1.0))
    assert found.after.gain["rest"].value == pytest.approx(-1.0)
    assert hindsights(all_methods("a")) == []
    out = tmp_path / "table.md"
    write_table(Made("a command", ["A fact."], 2, {}, {}), cases, {}, [found], out)
    row = "| x265 | 2 | 20 | 40.0% | 75% (75% to 75%) | 100% (100% to 100%) | "
    assert f"{row}-0.5 (-0.5 to -0.5) | -1.0 (-1.0 to -1.0) |" in out.read_text(encoding="utf-8")


def test_no_pictures_at_all_make_an_empty_row() -> None:
    [found] = summarise(all_methods("a")[:1])
    assert found.pictures == 0
    assert found.outcomes[0].words_lost != found.outcomes[0].words_lost
