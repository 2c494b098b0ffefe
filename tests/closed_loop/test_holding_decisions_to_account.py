"""From a picture to answers, files, verdicts and figures, with real codecs; and going on again."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from riskmask.model.annotators.base import RegionAnnotator
from riskmask.model.annotators.face import FaceAnnotator
from riskmask.model.annotators.glyphs import GlyphBank
from riskmask.model.codecs import packaged_hyperprior
from riskmask.model.codecs.hyperprior import Hyperprior
from riskmask.model.data.items import Picture
from riskmask.model.data.labelled import Labelled, labelled_by
from riskmask.model.data.pictures import Pictures
from riskmask.model.label.factory import Factory
from riskmask.model.label.subject import Table
from riskmask.model.label.worker import make_annotators
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.closed_loop.coding import Coder
from riskmask.server.closed_loop.pictures import specimen
from riskmask.server.decision_bench.bench import Bench, Setting, ask_and_code
from riskmask.server.decision_bench.coding import Coded, Wish, unfinished
from riskmask.server.decision_bench.command import Preset, decisions
from riskmask.server.decision_bench.figures import measure
from riskmask.server.decision_bench.jury import Sitting
from riskmask.server.decision_bench.record import HINTED, RAISED, UNIFORM, Run
from riskmask.server.engine.policy import PRESETS
from riskmask.server.engine.values import Decision, Policy

from .conftest import draw_words


class OnePicture(Pictures):
    """A corpus of one picture."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture

    def make(self, key: str) -> Picture:
        return self._picture


class Gone(OnePicture):
    """A corpus that must not be asked any more."""

    def make(self, key: str) -> Picture:
        raise AssertionError("this was done before")


@pytest.fixture(scope="module")
def annotators() -> Sequence[RegionAnnotator]:
    made = make_annotators(("text",), GlyphBank([]))
    return [cast("RegionAnnotator", annotator) for annotator in made.values()]


@pytest.fixture(scope="module")
def labelled(annotators: Sequence[RegionAnnotator]) -> Labelled:
    """The sign as the label factory sees it, coded by the reference."""
    reference = Hyperprior.load(packaged_hyperprior())
    subject = Table({each.name: each for each in annotators}).prepare("sign", draw_words())
    return labelled_by(Factory(reference).label(subject, reference))


@pytest.fixture(scope="module")
def bench(
    predictor: Predictor,
    profiles: dict[str, CodecProfile],
    annotators: Sequence[RegionAnnotator],
) -> Bench:
    return Bench(
        predictor=predictor,
        profiles=profiles,
        policy=Policy(),
        coder=Coder("hyperprior"),
        annotators=annotators,
        pictures=OnePicture(draw_words()),
    )


@pytest.fixture(scope="module")
def finished(bench: Bench, labelled: Labelled, tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("run"), {})
    ask_and_code(bench, run, [[labelled]])
    return run


@pytest.mark.slow
def test_every_rate_is_asked_for_and_what_is_decided_is_coded(
    finished: Run, labelled: Labelled
) -> None:
    answers = finished.answers.all()
    assert [answer.level for answer in answers] == list(range(8))
    assert [answer.asked_bpp for answer in answers] == list(labelled.bpp)
    by_decision = {d.value: [a.level for a in answers if a.decision == d.value] for d in Decision}
    both = sorted(by_decision["ENCODE_WITH_HINTS"] + by_decision["FALLBACK_JPEG"])
    ways = {way: [c for c in finished.codings.all() if c.way == way] for way in (UNIFORM, HINTED)}
    assert both, "the tiny detector puts the red plates at risk"
    assert [c.level for c in ways[UNIFORM]] == [c.level for c in ways[HINTED]] == both
    for plain, hinted in zip(ways[UNIFORM], ways[HINTED], strict=True):
        assert plain.size_bytes is not None
        assert hinted.asked_bytes == plain.size_bytes
        assert hinted.size_bytes is None or hinted.size_bytes <= plain.size_bytes
    raised = [c for c in finished.codings.all() if c.way == RAISED]
    assert len(raised) == bool(by_decision["RAISE_RATE"])


@pytest.mark.slow
def test_uniform_coding_gives_the_labels_verdict(finished: Run, labelled: Labelled) -> None:
    plain = [c for c in finished.codings.all() if c.way == UNIFORM]
    assert plain
    for coding in plain:
        assert coding.outcome is not None
        changed = {region for region, level in labelled.changed.items() if level >= coding.level}
        assert set(coding.outcome.changed) == changed


@pytest.mark.slow
def test_uniform_coding_takes_the_smallest_file_where_the_labels_tell_less(
    bench: Bench, finished: Run, labelled: Labelled, tmp_path: Path
) -> None:
    answer = replace(finished.answers.all()[0], asked_bpp=1e-3)
    coded = Coded(
        bench.coder,
        bench.annotators,
        bench.profiles["jpeg"],
        specimen("sign", draw_words()),
        labelled,
        lambda bpp: np.zeros(1, "<f4").tobytes(),
    )
    plain = coded.make(Wish(UNIFORM, answer), Run(tmp_path, {}))
    assert plain.size_bytes is not None
    assert plain.size_bytes > plain.asked_bytes
    assert plain.outcome is not None


@pytest.mark.slow
def test_the_jpeg_is_written_and_its_size_was_predicted(finished: Run) -> None:
    [trial] = finished.jpegs.all()
    assert trial.predicted_bytes == pytest.approx(trial.size_bytes, rel=0.1)
    assert trial.outcome is not None
    assert (trial.smallest_bytes is not None) <= trial.advised


@pytest.mark.slow
def test_a_finished_run_does_nothing_again(
    bench: Bench, finished: Run, labelled: Labelled, tmp_path: Path
) -> None:
    again = Run(finished.folder, {})
    ask_and_code(replace(bench, pictures=Gone(draw_words())), again, [[labelled]])
    assert again.codings.all() == finished.codings.all()
    measured = measure([labelled], again, bench.policy)
    assert len(measured.cohort.answers) == 8
    assert measured.cohort.error.tolist() == [labelled.has_error(level) for level in range(8)]


@pytest.mark.slow
def test_a_stumble_is_held_against_the_annotator(annotators: Sequence[RegionAnnotator]) -> None:
    picture = draw_words()
    sitting = Sitting(annotators, specimen("sign", picture), range(3))
    assert sitting.judged == {0, 1, 2}
    smeared = picture.image.copy()
    smeared[15:45, 15:120] = smeared[15:45, 15:120].mean(axis=(0, 1)).astype(np.uint8)
    stumbled = sitting.judge(smeared, lambda: picture.image)
    assert (stumbled.changed, stumbled.stumbled) == ((), 1)
    confirmed = sitting.judge(smeared, lambda: smeared)
    assert (confirmed.changed, confirmed.stumbled) == ((0,), 0)
    assert sitting.judge(smeared, lambda: None).changed == (0,)
    assert sitting.judge(picture.image, lambda: smeared).changed == ()


def test_faces_are_judged_as_in_the_labels_whatever_detector_there_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With YuNet's file in the environment another judge called faces changed that had not been."""
    monkeypatch.setenv("RISKMASK_FACE_DETECTOR", str(tmp_path / "none.onnx"))
    asked: list[Setting] = []
    monkeypatch.setattr(
        "riskmask.server.decision_bench.bench.hold_decisions_to_account",
        lambda setting, out: asked.append(setting),
    )
    app = typer.Typer()
    app.command()(decisions)
    assert CliRunner().invoke(app, []).exit_code == 0
    assert "none.onnx" not in repr(asked)
    assert CliRunner().invoke(app, ["--yunet", "none.onnx"]).exit_code == 2
    # A judge that took the file would fail here, since there is none.
    judge = make_annotators(("face",), GlyphBank([]))["face"]
    assert (
        judge.examine(np.zeros((64, 64, 3), np.uint8), ()).find(np.zeros((64, 64, 3), np.uint8))
        == []
    )
    with pytest.raises(FileNotFoundError):
        FaceAnnotator.by_environment()


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(decisions)
    done = CliRunner().invoke(app, ["--labels", str(tmp_path), "--run", str(tmp_path / "run")])
    assert done.exit_code == 2
    assert "run python -m riskmask.model.label" in done.output


def test_the_evaluation_finds_the_command() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    named = project["project"]["entry-points"]["riskmask.evaluations"]["decisions"]
    module, _, function = named.partition(":")
    assert getattr(import_module(module), function) is decisions


def test_every_policy_can_be_asked_with() -> None:
    assert {preset.value for preset in Preset} == set(PRESETS)


@pytest.mark.slow
def test_an_unfinished_run_says_so(finished: Run, labelled: Labelled, tmp_path: Path) -> None:
    assert unfinished(finished, [[labelled]]) == []
    for name in ("answers.jsonl", "jpegs.jsonl"):
        (tmp_path / name).write_bytes((finished.folder / name).read_bytes())
    [sentence] = unfinished(Run(tmp_path, {}), [[labelled]])
    assert f"1 of {1 + len(finished.codings.all())} files" in sentence
