"""The named policies differ in how much they call a risk, and in that order."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.engine.errors import InvalidPolicyError
from riskmask.server.engine.policy import PRESETS, check_policy
from riskmask.server.engine.rate import RateCurves
from riskmask.server.engine.regions import find_regions
from riskmask.server.engine.risk import RiskCurves
from riskmask.server.engine.values import Policy

STRICTEST_FIRST = ("evidence", "archive", "balanced", "thumbnail")


def test_these_are_the_presets() -> None:
    assert sorted(PRESETS) == sorted(STRICTEST_FIRST)
    assert PRESETS["balanced"] == Policy()


def test_the_readme_tells_their_values() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    told = {
        name: (
            float(threshold),
            float(limit),
            0 if smallest == "none" else int(smallest.split()[0]),
        )
        for name, threshold, limit, smallest in re.findall(
            r"^\| `(\w+)` \| ([\d.]+) \| ([\d.]+) \| (none|\d+ pixels) \|", readme, re.MULTILINE
        )
    }
    assert told == {
        name: (policy.threshold, policy.max_error_probability, policy.smallest_region)
        for name, policy in PRESETS.items()
    }


@pytest.mark.parametrize("name", STRICTEST_FIRST)
def test_a_preset_is_a_policy_that_a_request_could_bring(name: str) -> None:
    check_policy(PRESETS[name])


def test_a_stricter_policy_covers_more(
    predicted: Callable[..., Prediction], profiles: dict[str, CodecProfile]
) -> None:
    ramp = np.tile(np.linspace(0, 1, 64), (48, 1))
    prediction = predicted(256, 192, ramp)
    profile = profiles["hyperprior"]
    rates = RateCurves(prediction, profile)
    areas = []
    for name in STRICTEST_FIRST:
        curves = RiskCurves(prediction, profile, PRESETS[name])
        areas.append(find_regions(prediction, curves, rates, 1.0, PRESETS[name]).area)
    assert areas == sorted(areas, reverse=True)
    assert len(set(areas)) == 4


def test_a_stricter_policy_accepts_less_of_a_whole_image() -> None:
    accepted = [PRESETS[name].max_error_probability for name in STRICTEST_FIRST]
    assert accepted == sorted(accepted)
    assert len(set(accepted)) == 4


@pytest.mark.parametrize("value", [0.0, -0.1, 1.01, float("nan"), float("inf")])
def test_what_is_no_probability_is_refused(value: float) -> None:
    with pytest.raises(InvalidPolicyError, match=r"max_error_probability must lie in \(0, 1\]"):
        check_policy(Policy(max_error_probability=value))
