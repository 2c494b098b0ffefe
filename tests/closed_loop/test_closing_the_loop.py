"""From a picture to files, judgements, table and page, with real encoders; and going on again."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from riskmask.model.encoders.base import Encoded
from riskmask.model.encoders.errors import EncoderFailedError
from riskmask.model.pages import GAP
from riskmask.server.closed_loop.coding import Coder
from riskmask.server.closed_loop.command import hints
from riskmask.server.closed_loop.figures import summarise, why_not_compared
from riskmask.server.closed_loop.maps import HINDSIGHT, METHODS, RISKMASK, UNIFORM
from riskmask.server.closed_loop.page import make_sections, write_page
from riskmask.server.closed_loop.pairs import contrasts, draw, extremes
from riskmask.server.closed_loop.pictures import Specimen, cells_of
from riskmask.server.closed_loop.record import Run, Trial
from riskmask.server.closed_loop.run import FACTORS, Bench, measure
from riskmask.server.closed_loop.table import Made


class Forbidden(Coder):
    """A target that must not be used any more."""

    def encode(self, image: np.ndarray, size_bytes: int, hint: bytes | None) -> Encoded:  # type: ignore[type-arg]
        raise AssertionError("this was coded before")


class Refusing(Coder):
    """A target whose encoder takes no picture."""

    def encode(self, image: np.ndarray, size_bytes: int, hint: bytes | None) -> Encoded:  # type: ignore[type-arg]
        raise EncoderFailedError("jpeg refused a picture")


def test_an_encoder_that_fails_is_not_taken_for_a_size_that_loses_nothing(
    make_bench: Callable[..., Bench], sign: Specimen, tmp_path: Path
) -> None:
    bench = replace(make_bench("jpeg"), coders={"jpeg": Refusing("jpeg")})
    assert sum(measure(bench, Run(tmp_path, {}), sign)) == bench.each
    size = Run(tmp_path, {}).sizes.get("sign", "jpeg")
    assert size is not None
    assert (size.size_bytes, size.error) == (None, "jpeg refused a picture")


@pytest.fixture(scope="module")
def finished(
    make_bench: Callable[..., Bench],
    sign: Specimen,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Bench, Run]:
    """A run of one picture with JPEG."""
    bench = make_bench("jpeg")
    run = Run(tmp_path_factory.mktemp("run"), {})
    assert sum(measure(bench, run, sign)) == len(FACTORS) * len(METHODS)
    return bench, run


@pytest.mark.slow
def test_every_method_is_coded_at_the_bytes_of_uniform_coding(
    finished: tuple[Bench, Run], sign: Specimen
) -> None:
    _, run = finished
    size = run.sizes.get("sign", "jpeg")
    assert size is not None
    assert size.size_bytes is not None
    trials = run.trials.all()
    assert len(trials) == len(FACTORS) * len(METHODS)
    for factor in FACTORS:
        by_method = {t.method: t for t in trials if t.factor == factor}
        plain = by_method[UNIFORM].size_bytes
        assert plain is not None
        assert plain <= round(factor * size.size_bytes)
        for trial in by_method.values():
            assert trial.size_bytes is not None
            assert trial.size_bytes <= max(plain, trial.asked_bytes)
            assert trial.file is not None
            assert len(run.kept(trial.file)) == trial.size_bytes
        assert why_not_compared(by_method) is None  # so no file is much smaller either
    [chosen] = [t for t in trials if t.method == UNIFORM and t.factor == 1.0]
    assert chosen.judgement is not None
    assert 0.1 <= chosen.judgement.lost_words / chosen.judgement.words <= 0.5


@pytest.mark.slow
def test_hints_serve_the_words_in_the_real_encoder(finished: tuple[Bench, Run]) -> None:
    _, run = finished
    # Two of three sizes are at JPEG's coarsest end (quality 4 and 7), where little can be moved.
    for factor, gain in ((0.7, 0.2), (1.0, 0.5), (1.5, 1.5)):
        by_method = {t.method: t for t in run.trials.all() if t.factor == factor}
        ours, plain = by_method[RISKMASK], by_method[UNIFORM]
        assert ours.fidelity is not None
        assert plain.fidelity is not None
        assert ours.fidelity["known"][0] > plain.fidelity["known"][0] + gain
        assert ours.fidelity["rest"][0] < plain.fidelity["rest"][0]


@pytest.mark.slow
def test_a_finished_run_codes_nothing_again(finished: tuple[Bench, Run], sign: Specimen) -> None:
    bench, run = finished
    again = Run(run.folder, {})
    idle = replace(bench, coders={"jpeg": Forbidden("jpeg")})
    assert sum(measure(idle, again, sign)) == len(FACTORS) * len(METHODS)
    assert again.trials.all() == run.trials.all()


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_with_what_is_missing(
    finished: tuple[Bench, Run], sign: Specimen, tmp_path: Path
) -> None:
    bench, run = finished
    for name in ("run.json", "sizes.jsonl"):
        (tmp_path / name).write_bytes((run.folder / name).read_bytes())
    lines = (run.folder / "coded.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "coded.jsonl").write_bytes(b"".join(lines[:-1]) + lines[-1][:30])
    resumed = Run(tmp_path, {})
    assert sum(measure(bench, resumed, sign)) == len(FACTORS) * len(METHODS)
    assert resumed.trials.all() == run.trials.all()
    [again] = (tmp_path / "files").iterdir()
    assert again.name == f"sign-jpeg-1.5-{METHODS[-1]}.jpg"


@pytest.mark.slow
def test_a_map_in_hindsight_is_added_to_a_finished_run(
    finished: tuple[Bench, Run], sign: Specimen, tmp_path: Path
) -> None:
    bench, run = finished
    for name in ("run.json", "sizes.jsonl", "coded.jsonl"):
        (tmp_path / name).write_bytes((run.folder / name).read_bytes())
    longer, before = Run(tmp_path, {}), run.trials.all()
    hindsight = replace(bench, hindsight=True)
    assert (
        sum(measure(hindsight, longer, sign)) == len(FACTORS) * len(METHODS) + 1 == hindsight.each
    )
    assert longer.trials.all()[:-1] == before
    added = longer.trials.all()[-1]
    assert (added.method, added.factor) == (HINDSIGHT, 1.0)
    [plain] = [t for t in before if (t.method, t.factor) == (UNIFORM, 1.0)]
    assert plain.judgement is not None
    lost = cells_of(sign, plain.judgement.lost_by_region).repeat(4, axis=0).repeat(4, axis=1)

    def error(trial: Trial) -> float:
        decoded = bench.coders["jpeg"].decode(longer.kept(trial.file or ""), *sign.image.shape[:2])
        return float(((decoded - sign.image.astype(np.float64))[lost] ** 2).mean())

    longer.keep(plain.file or "", run.kept(plain.file or ""))
    assert error(added) < 0.8 * error(plain)


@pytest.mark.slow
def test_the_page_shows_original_uniform_and_hinted(
    finished: tuple[Bench, Run], sign: Specimen, tmp_path: Path
) -> None:
    bench, run = finished
    trials = run.trials.all()

    def decode(trial: Trial) -> np.ndarray:  # type: ignore[type-arg]
        assert trial.file is not None
        return bench.coders["jpeg"].decode(run.kept(trial.file), *sign.image.shape[:2])

    found = [c for factor in FACTORS for c in contrasts(trials, factor)]
    assert found, "no size at which riskmask's hints keep another number of words"
    [pair] = draw(found[:1], {"sign": sign}, decode)
    data = base64.b64decode(pair.strip.removeprefix("data:image/png;base64,"))
    with Image.open(io.BytesIO(data)) as opened:
        pixels = np.array(opened)[::2, ::2]
    width = (pixels.shape[1] - 2 * GAP) // 3
    original, uniform, hinted = (
        pixels[:, start : start + width] for start in (0, width + GAP, 2 * (width + GAP))
    )
    assert cv2.matchTemplate(sign.image, original, cv2.TM_SQDIFF).min() == 0
    assert original.shape == uniform.shape == hinted.shape
    assert (original != uniform).any()
    assert (uniform != hinted).any()
    sections = make_sections(summarise(trials), [pair])
    page = tmp_path / "page.html"
    write_page(Made("a command", [], 1, {}, {}), sections, page)
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") == 2
    assert len(re.findall(r'<img src="data:image/png', text)) == 1
    assert f"loses {pair.lost_uniform} ({pair.bytes_uniform} bytes)" in text


def test_the_worst_is_shown_beside_the_best() -> None:
    from .test_closed_loop_figures import all_methods

    def with_lost(picture: str, lost: int) -> list[Trial]:
        return [
            replace(t, judgement=replace(t.judgement, lost_words=lost, lost_by_region={0: lost}))
            if t.method == RISKMASK and t.judgement
            else t
            for t in all_methods(picture)
        ]

    trials = [t for lost in range(9) for t in with_lost(f"loses {lost}", lost)]
    found = contrasts(trials, 1.0)
    assert [each.difference for each in found] == [4, 3, 2, 1, -1, -2, -3, -4]
    assert [each.difference for each in extremes(found, 2, 1)] == [4, 3, -4]


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(hints)
    done = CliRunner().invoke(app, ["--labels", str(tmp_path), "--run", str(tmp_path / "run")])
    assert done.exit_code == 2
    assert "run python -m riskmask.model.label" in done.output


def test_the_evaluation_finds_the_command() -> None:
    import tomllib
    from importlib import import_module

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    named = project["project"]["entry-points"]["riskmask.evaluations"]["hints"]
    module, _, function = named.partition(":")
    assert getattr(import_module(module), function) is hints
