"""The risks of a codec that has labels are fitted to them and written into its profile."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from riskmask.model.evaluate.judged import RegionTable
from riskmask.model.evaluate.probability import brier_skill, scaled
from riskmask.model.runtime.errors import ProfileError
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.model.train.calibration import Platt, fit_platt
from riskmask.model.train.codec_commands import PROFILES
from riskmask.model.train.codec_profile import fit_rates, fit_risk, of_contents, write_risk

INTERCEPTS = (1.4, 1.4, 1.0, 1.0, 0.6, 0.6, 0.2, 0.2)
PLATT = Platt(0.8, INTERCEPTS, 100, 10, (0.1, 0.02), (0.3, 0.4))


def _table(regions: int, pictures: int = 100) -> RegionTable:
    """Regions that a codec changes more often than the model says of the reference codec."""
    generator = np.random.default_rng(3)
    logit = np.sort(generator.normal(-1, 2, (regions, 8)), axis=1)[:, ::-1]
    risk = (1 / (1 + np.exp(-logit))).astype(np.float32)
    changed = generator.random((regions, 1)) < scaled(
        risk.astype(float), PLATT.slope, PLATT.intercept
    )
    return RegionTable(
        image=np.arange(regions) % pictures,
        content=np.where(np.arange(regions) % 3 == 0, "face", "text"),
        count=changed.sum(axis=1),
        share=np.full(regions, 0.01),
        scores={"riskmask": risk},
    )


def test_what_a_codec_changes_more_often_is_told_of_pictures_that_were_not_fitted_on() -> None:
    fitted = fit_risk(_table(3_000))
    assert fitted.platt.slope == pytest.approx(0.8, abs=0.06)
    assert fitted.platt.intercept == pytest.approx(INTERCEPTS, abs=0.25)
    assert fitted.error[0] > 0.08 > 0.03 > fitted.error[1]
    assert fitted.skill[1] > fitted.skill[0]


def test_each_picture_is_told_by_a_fit_without_it() -> None:
    # In one picture of five everything that is said to be safe is changed, and the other way
    # round. A fit that saw it would bend towards it.
    table = _table(3_000, pictures=5)
    odd = table.image == 0
    count = np.where(odd, 8 - table.count, table.count)
    mixed = RegionTable(table.image, table.content, count, table.share, table.scores)
    fitted = fit_risk(mixed)
    told = np.empty((len(mixed), 8))
    for picture in range(5):
        own = mixed.image == picture
        platt = fit_platt(mixed.take(~own))
        risk = mixed.scores["riskmask"][own].astype(float)
        told[own] = scaled(risk, platt.slope, platt.intercept)
    changed = mixed.count[:, None] > np.arange(8)
    assert fitted.skill[1] == pytest.approx(brier_skill(told.ravel(), changed.ravel()))
    assert fitted.skill[1] < fitted.platt.skill[1] - 0.01


def test_contents_can_be_left_out() -> None:
    assert set(of_contents(_table(30), ["text"]).content.tolist()) == {"text"}
    assert len(of_contents(_table(30), ["text"])) == 20


def test_too_few_verdicts_are_refused() -> None:
    with pytest.raises(ValueError, match="a calibration needs 50 of each"):
        fit_risk(_table(12))


def test_a_codec_of_the_registry_gets_a_profile_whose_quality_is_the_level(tmp_path: Path) -> None:
    path = tmp_path / "hific.json"
    written = write_risk(path, "hific", "a codec", PLATT, "on a test")
    assert written == CodecProfile.load(path)
    assert (written.name, written.version) == ("hific", "1")
    assert written.risk_slope == (0.8,) * 8
    assert written.risk_intercept == INTERCEPTS
    assert [written.quality_of_level(level) for level in (0, 2.5, 7)] == [0, 2.5, 7]
    assert written.fitted_on.endswith("risks: on a test")


def test_a_codec_that_takes_more_gets_factors_on_the_rate(tmp_path: Path) -> None:
    generator = np.random.default_rng(4)
    predicted = np.geomspace(0.05, 2, 8) * generator.uniform(0.5, 2, (41, 1))
    takes = np.linspace(1.5, 0.9, 8)  # times what is predicted, but for noise and a few odd ones
    real = predicted * takes * generator.uniform(0.97, 1.03, (41, 8))
    real[:4] *= 10
    fitted = fit_rates(predicted, real)
    assert fitted.factor == pytest.approx(takes, rel=0.02)
    assert fitted.error[0] > 0.1 > 0.04 > fitted.error[1]
    path = tmp_path / "hific.json"
    written = write_risk(path, "hific", "a codec", PLATT, "on a test", fitted.factor)
    assert written.rate_factor == pytest.approx(fitted.factor, abs=1e-4)
    # What is not fitted again stays.
    again = write_risk(path, "hific", "a codec", PLATT, "on another")
    assert again.rate_factor == written.rate_factor


def test_a_profile_that_is_there_keeps_its_levels(tmp_path: Path) -> None:
    path = tmp_path / "jpeg.json"
    shutil.copy(PROFILES / "jpeg.json", path)
    before = CodecProfile.load(path)
    first = write_risk(path, "jpeg", "", PLATT, "on a test")
    assert first.anchors == before.anchors
    assert first.codec == before.codec
    assert first.risk_slope == (0.8,) * 8
    assert int(first.version) == int(before.version) + 1
    assert write_risk(path, "jpeg", "", PLATT, "on a test") == first
    again = write_risk(path, "jpeg", "", PLATT, "on another")
    levels = before.fitted_on.partition(";")[0]
    assert again.fitted_on == f"{levels}; risks: on another"
    with pytest.raises(ProfileError, match=r"jpeg\.json is the profile of jpeg, not of hific"):
        write_risk(path, "hific", "", PLATT, "on a test")
    path.write_text("{}")
    with pytest.raises(ProfileError, match="schema must be 1"):
        write_risk(path, "jpeg", "", PLATT, "on a test")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--codec", "hyperprior"], "calibrated on hyperprior itself"),
        (["--codec", "mpeg"], "there is no mpeg.json yet"),
        (["--codec", "hific", "--content", "smell"], "smell is not one of text, face, symbol"),
        (["--codec", "hific"], "run python -m riskmask.model.label"),
    ],
)
def test_the_command_says_what_it_lacks(words: list[str], said: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "riskmask.model.train", "codec-profile", *words),
            *("--labels", str(tmp_path)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "", "COLUMNS": "200"},
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
