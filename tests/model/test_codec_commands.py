"""The commands that make codecs: one command trains, and wrong ones say what is right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from riskmask.model.codecs import LEARNED, learned_codec
from riskmask.model.codecs.level_curve import REFERENCE_SCALE
from riskmask.model.runtime.errors import WeightsError
from riskmask.model.runtime.weights import find_weights
from riskmask.model.train.__main__ import app

Pixels = NDArray[np.uint8]
RUNNER = CliRunner()


@pytest.fixture
def packed(astronaut: Pixels, tmp_path: Path) -> Path:
    path = tmp_path / "packed.npy"
    np.save(path, np.stack([astronaut[:64, 160:224], astronaut[64:128, 192:256]]))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["factorized", "hific"])
def test_one_command_trains_and_registers_a_codec(
    packed: Path, tmp_path: Path, architecture: str
) -> None:
    out, run = tmp_path / "weights", tmp_path / "run"
    options = ["--patches", packed, "--run", run, "--out", out, "--steps", 1, "--device", "cpu"]
    options += ["--architecture", architecture, "--batch", 1, "--crop", 64]
    said = RUNNER.invoke(app, ["codec", *map(str, options)])
    assert said.exit_code == 0, said.output
    assert f"fit-levels --architecture {architecture}" in said.output
    weights = find_weights(architecture, out)
    assert weights.name == architecture
    assert sorted(path.name for path in run.iterdir()) == ["codec.jsonl", "codec.pt"]
    assert learned_codec(architecture).load(weights.path, REFERENCE_SCALE).name == architecture
    with pytest.raises(WeightsError, match="no level curve"):
        learned_codec(architecture).load(weights.path)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["codec", "--architecture", "elic"], "factorized, hyperprior"),
        (["codec", "--architecture", "hific", "--rho", "0.2"], "cdc alone"),
        (["codec", "--patches", "gone.npy"], "there is no gone.npy"),
        (["fit-levels", "--architecture", "hyperprior"], "nothing to fit"),
    ],
)
def test_a_wrong_command_says_what_is_right(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = RUNNER.invoke(app, arguments, env={"COLUMNS": "200", "TERM": "dumb"})
    assert said.exit_code == 2
    assert sentence in " ".join(said.output.replace("│", " ").split())


def test_the_list_names_every_codec_and_what_is_missing() -> None:
    said = RUNNER.invoke(app, ["codecs"])
    assert said.exit_code == 0
    lines = said.output.splitlines()
    assert [line.split()[0].rstrip(":") for line in lines] == list(LEARNED)
    named = json.loads(
        (find_weights("hyperprior").path.parent / "manifest.json").read_text("utf-8")
    )
    for line, name in zip(lines, LEARNED, strict=True):
        assert (named[name]["file"] if name in named else f"codec --architecture {name}") in line
