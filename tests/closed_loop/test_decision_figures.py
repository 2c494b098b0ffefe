"""Figures of decisions: what is counted, what it rests on, and how it is held against a bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from riskmask.model.data.labelled import Labelled
from riskmask.server.decision_bench.answers import Answer
from riskmask.server.decision_bench.cohort import share
from riskmask.server.decision_bench.figures import Figure, at_least, at_most, measure
from riskmask.server.decision_bench.jury import Outcome
from riskmask.server.decision_bench.page import Made, write_page
from riskmask.server.decision_bench.record import HINTED, UNIFORM, Coding, JpegTrial, Run
from riskmask.server.engine.values import Policy

BPP = tuple(0.1 * 2**level for level in range(8))
CLEAN, WRONG, SMEARED = Outcome((), (), 0), Outcome((0,), (0,), 0), Outcome((0,), (), 1)


def _labelled(
    key: str, codec: str = "hyperprior", grave: Mapping[int, int] | None = None
) -> Labelled:
    found = grave or {}
    return Labelled(key, "tests", "sha", codec, BPP, frozenset({0}), found, found)


def _answer(
    key: str,
    level: int,
    decision: str,
    codec: str = "hyperprior",
    probability: float | None = 0.5,
    regions: int = 0,
) -> Answer:
    return Answer(
        *(key, codec, level, BPP[level], decision, False, float(level), probability, regions, 0.8),
        *(40, "4:4:4", 1000, True),
    )


def _run(folder: Path, *entries: Answer | Coding | JpegTrial) -> Run:
    run = Run(folder, {})
    for entry in entries:
        if isinstance(entry, Answer):
            run.answers.add(entry)
        elif isinstance(entry, Coding):
            run.codings.add(entry)
        else:
            run.jpegs.add(entry)
    return run


def _found(figures: object, beginning: str) -> Figure:
    [figure] = [f for f in figures if f.name.startswith(beginning)]  # type: ignore[attr-defined]
    assert isinstance(figure, Figure)
    return figure


def test_encode_is_held_against_the_labels(tmp_path: Path) -> None:
    labelled = [_labelled("a", grave={0: 1}), replace(_labelled("b"), judged=frozenset())]
    answers = [_answer("a", level, "ENCODE" if level else "RAISE_RATE") for level in range(8)]
    answers += [_answer("b", level, "ENCODE") for level in range(8)]
    bars = measure(labelled, _run(tmp_path, *answers), Policy()).bars
    every = _found(bars, "ENCODE, an error (all")
    assert (every.share.value, every.share.count, every.share.pictures) == (1 / 15, 15, 2)
    assert every.met is None, "under 200 answers say nothing"
    judged = _found(bars, "ENCODE, an error (with")
    assert (judged.share.value, judged.share.count) == (1 / 7, 7)
    safe = _found(bars, "safe cases that get ENCODE (with")
    assert (safe.share.value, safe.share.count, safe.met) == (1.0, 6, True)


def test_a_fallback_needs_an_error_both_ways(tmp_path: Path) -> None:
    fates = {"both": WRONG, "cured": CLEAN, "smeared": SMEARED, "never": WRONG}
    hinted = {f"{name} {number}": fate for number in range(5) for name, fate in fates.items()}
    keys = tuple(hinted)
    labelled = [_labelled(key, grave={} if "never" in key else {0: 3}) for key in keys]
    entries: list[Answer | Coding] = []
    for key in keys:
        entries.append(_answer(key, 2, "FALLBACK_JPEG"))
        entries.append(Coding(key, UNIFORM, 2, 100, 99, outcome=WRONG))
        entries.append(Coding(key, HINTED, 2, 99, 98, outcome=hinted[key]))
    figure = _found(
        measure(labelled, _run(tmp_path, *entries), Policy()).bars, "FALLBACK_JPEG by hyp"
    )
    # What is illegible with the hints was wrong at a finer level: it is not cured.
    assert (figure.share.value, figure.share.count, figure.met) == (0.5, 20, False)


def test_hints_that_the_bytes_do_not_suffice_for_are_told_and_keep_no_promise(
    tmp_path: Path,
) -> None:
    entries: list[Answer | Coding] = []
    for key, decision in (("a", "ENCODE_WITH_HINTS"), ("b", "FALLBACK_JPEG")):
        for level, outcome in ((1, CLEAN), (2, None)):
            size = None if outcome is None else 98
            entries.append(_answer(key, level, decision))
            entries.append(Coding(key, UNIFORM, level, 100, 99, outcome=WRONG))
            entries.append(Coding(key, HINTED, level, 99, size, outcome=outcome))
    refused = Coding("a", HINTED, 3, 99, error="refused a picture", failed=True)
    entries += [_answer("a", 3, "ENCODE_WITH_HINTS"), refused]
    entries.append(Coding("a", UNIFORM, 3, 100, 99, outcome=CLEAN))
    measured = measure([_labelled(key) for key in "ab"], _run(tmp_path, *entries), Policy())
    kept = _found(measured.further, "ENCODE_WITH_HINTS, hinted: no error")
    assert (kept.share.value, kept.share.count) == (0.5, 2)
    assert _found(measured.bars, "FALLBACK_JPEG by hyp").share.count == 1
    for decision in ("ENCODE_WITH_HINTS", "FALLBACK_JPEG"):
        without = _found(measured.further, f"{decision}: the bytes do not suffice")
        assert (without.share.value, without.share.count) == (0.5, 2)


def test_other_codecs_fall_back_by_uniform_coding_alone(tmp_path: Path) -> None:
    labelled = [_labelled(key, "cdc", {0: 3} if key == "a" else None) for key in "ab"]
    answers = [_answer(key, 2, "FALLBACK_JPEG", "cdc") for key in "ab"]
    bars = measure(labelled, _run(tmp_path, *answers), Policy()).bars
    assert _found(bars, "FALLBACK_JPEG by codecs without").share.value == 0.5
    assert _found(bars, "FALLBACK_JPEG by hyperprior").met is None


def test_the_jpeg_is_held_against_the_smallest_safe_one(tmp_path: Path) -> None:
    trial = JpegTrial("a", 40, "4:4:4", 1000, 1050, True, True, CLEAN, 30, 1000)
    trials = [
        trial,
        replace(trial, picture="b", outcome=WRONG, smallest_bytes=2100, predicted_bytes=900),
        replace(trial, picture="c", advised=False, outcome=WRONG, smallest_bytes=None),
    ]
    run = _run(tmp_path, *trials)
    measured = measure([_labelled(key) for key in "abc"], run, Policy())
    assert _found(measured.bars, "JPEG advised as safe").share.value == 0.5
    ratio = _found(measured.bars, "its size over")
    assert ratio.share.value == pytest.approx((1.05 + 0.5) / 2)
    assert ratio.met is None, "two JPEGs say nothing"
    assert _found(measured.bars, "JPEG size predicted").share.value == pytest.approx(2 / 3)
    assert _found(measured.further, "JPEG of any picture").share.value == pytest.approx(1 / 3)


def test_another_limit_moves_answers(tmp_path: Path) -> None:
    labelled = [_labelled("a", grave={0: 3}), _labelled("b", grave={0: 3})]
    answers = [
        _answer(key, level, "RAISE_RATE", probability=0.4 - 0.05 * level, regions=int(key == "b"))
        for key in "ab"
        for level in range(8)
    ]
    sweep = {s.limit: s for s in measure(labelled, _run(tmp_path, *answers), Policy()).sweep}
    assert (sweep[0.01].error.count, sweep[1.0].error.count) == (0, 8), "regions forbid it alone"
    assert (sweep[0.2].error.value, sweep[0.2].kept.value) == (0.0, 3 / 8)
    assert (sweep[1.0].error.value, sweep[1.0].kept.value) == (0.5, 0.5)


def test_without_a_calibration_only_the_regions_decide(tmp_path: Path) -> None:
    answers = [_answer("a", level, "ENCODE", probability=None) for level in range(8)]
    measured = measure([_labelled("a")], _run(tmp_path, *answers), Policy())
    assert {s.error.count for s in measured.sweep} == {8}
    assert not any(band.error.count for band in measured.predicted)


def test_what_is_predicted_is_held_against_what_happened(tmp_path: Path) -> None:
    labelled = [_labelled("a", grave={0: 3}), replace(_labelled("b"), judged=frozenset())]
    answers = [_answer("a", level, "ENCODE", probability=0.45 - 0.05 * level) for level in range(8)]
    answers.append(_answer("b", 0, "ENCODE", probability=0.4))
    bands = {p.high: p for p in measure(labelled, _run(tmp_path, *answers), Policy()).predicted}
    assert (bands[0.5].error.value, bands[0.5].error.count) == (1.0, 3)
    assert bands[0.5].mean == pytest.approx(0.4)
    assert (bands[0.2].error.value, bands[0.2].error.count) == (0.0, 2)
    assert bands[0.9].error.count == 0


def test_the_interval_resamples_pictures_and_not_answers() -> None:
    wrong = np.repeat([True, False], 500)
    apart = share(np.arange(1000), wrong)
    together = share(np.repeat([0, 1], 500), wrong)
    assert apart.value == together.value == 0.5
    assert together.interval == (0.0, 1.0)
    assert apart.interval[1] - apart.interval[0] < 0.1


def test_a_bar_is_met_from_its_limit_on() -> None:
    half = share(np.arange(2), np.array([True, False]))
    assert at_most("a", half, 0.5).met
    assert at_least("a", half, 0.5).met
    assert at_most("a", half, 0.4).met is False
    assert at_least("a", half, 0.6).met is False
    assert at_most("a", half, 0.5, fewest=3).met is None


def test_what_was_written_down_is_found_again(tmp_path: Path) -> None:
    entries = (
        _answer("a", 2, "FALLBACK_JPEG"),
        Coding("a", HINTED, 2, 99, 98, outcome=SMEARED),
        Coding("a", UNIFORM, 3, 99, error="too small"),
        JpegTrial("a", 40, "4:4:4", 1000, 1050, True, True, WRONG, None, None),
    )
    _run(tmp_path, *entries)
    again = Run(tmp_path, {})
    assert (*again.answers.all(), *again.codings.all(), *again.jpegs.all()) == entries


def test_the_page_and_the_csv_hold_the_figures(tmp_path: Path) -> None:
    labelled = [_labelled("a", grave={0: 3})]
    answers = [_answer("a", level, "ENCODE") for level in range(8)]
    out = tmp_path / "docs" / "page.md"
    made = Made("a command", ["A fact."], calibration=False)
    write_page(made, measure(labelled, _run(tmp_path, *answers), Policy()), out)
    text = out.read_text("utf-8")
    assert "Made by `a command`." in text
    row = (
        "| ENCODE, an error (with judged regions) | at most 0.02 | 0.500 (0.500 to 0.500) | 8 | 1 |"
    )
    assert f"{row} too few |" in text
    assert "| ENCODE | 4 | 4 | 0 |" in text
    lines = out.with_suffix(".csv").read_text("utf-8").splitlines()
    assert lines[0] == "table,figure,at,value,low,high,base,pictures,wanted"
    assert 'bar,"ENCODE, an error (all pictures)",,0.5000,0.5000,0.5000,8,1,at most 0.02' in lines
