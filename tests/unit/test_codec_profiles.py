"""A codec profile translates qualities to levels and back, and a broken one is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskmask.model.runtime.errors import ProfileError
from riskmask.model.runtime.profiles import CodecProfile, packaged_profiles


def _load(content: Any, folder: Path) -> CodecProfile:
    path = folder / "codec.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return CodecProfile.load(path)


@given(level=st.floats(0, 7))
def test_the_reference_profile_is_the_identity(level: float) -> None:
    profile = packaged_profiles()["hyperprior"]
    assert profile.quality_of_level(level) == pytest.approx(level)
    assert profile.level_of_quality(level) == pytest.approx(level)
    assert set(profile.rate_factor) == set(profile.risk_slope) == {1.0}
    assert set(profile.risk_intercept) == {0.0}


@given(level=st.floats(1, 7))
def test_levels_and_qualities_are_inverse(profiles: dict[str, CodecProfile], level: float) -> None:
    jpeg = profiles["jpeg"]
    assert jpeg.level_of_quality(jpeg.quality_of_level(level)) == pytest.approx(level)


def test_beyond_the_fitted_range_the_nearest_end_answers(
    profiles: dict[str, CodecProfile],
) -> None:
    jpeg = profiles["jpeg"]
    assert (jpeg.coarsest_level, jpeg.finest_level) == (1.0, 7.0)
    assert jpeg.quality_of_level(0.0) == 5.0
    assert jpeg.level_of_quality(1.0) == 1.0
    assert jpeg.level_of_quality(100.0) == 7.0


def test_a_quantiser_falls_as_the_level_rises(
    jpeg_profile_content: dict[str, Any], tmp_path: Path
) -> None:
    content = jpeg_profile_content | {"quality_of_level": [[0, 90], [7, 20]]}
    profile = _load(content, tmp_path)
    assert profile.level_of_quality(90.0) == 0.0
    assert profile.level_of_quality(20.0) == 7.0
    assert profile.level_of_quality(55.0) == pytest.approx(3.5)


QUALITY = {"minimum": 1, "maximum": 95, "integer": True, "meaning": "higher is finer"}
HEIGHTS = {"schema": 1, "changed_share": 0.3, "pixels": [None] + [9.0] * 7, "fitted_on": "a test"}
ERRORS = {"schema": 1, "slope": 0.9, "intercept": 0.2, "fitted_on": "a test"}


def test_an_error_calibration_is_optional(
    jpeg_profile_content: dict[str, Any], tmp_path: Path
) -> None:
    without = {key: jpeg_profile_content[key] for key in jpeg_profile_content if "error" not in key}
    assert _load(without, tmp_path).error_calibration is None
    fitted = _load(jpeg_profile_content | {"error_calibration": ERRORS}, tmp_path).error_calibration
    assert fitted is not None
    assert fitted.to_json() == ERRORS


def test_safe_text_heights_are_optional(
    jpeg_profile_content: dict[str, Any], tmp_path: Path
) -> None:
    assert _load(jpeg_profile_content, tmp_path).safe_text_height is None
    heights = _load(jpeg_profile_content | {"safe_text_height": HEIGHTS}, tmp_path).safe_text_height
    assert heights is not None
    assert heights.pixels == (None, *[9.0] * 7)
    assert heights.to_json() == HEIGHTS


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"schema": 2}, "schema must be 1"),
        ({"name": "JPEG!"}, "name must be lower case"),
        ({"version": ""}, "version must be a text"),
        ({"codec": None}, "codec must be a text"),
        ({"fitted_on": 3}, "fitted_on must be a text"),
        ({"quality": []}, "quality must be an object"),
        ({"quality": QUALITY | {"minimum": 95}}, "quality.minimum must be under"),
        ({"quality": QUALITY | {"maximum": float("inf")}}, "quality.maximum must be a finite"),
        ({"quality": QUALITY | {"integer": 1}}, "quality.integer must be true or false"),
        ({"quality_of_level": [[0, 5]]}, "at least two"),
        ({"quality_of_level": [[0, 5], [1]]}, r"\[level, quality\] pairs"),
        ({"quality_of_level": [[0, 5], [0, 9]]}, "increase strictly"),
        ({"quality_of_level": [[0, 5], [8, 9]]}, r"within \[0, 7\]"),
        ({"quality_of_level": [[0, 5], [1, 9], [2, 9]]}, "strictly monotone"),
        ({"quality_of_level": [[0, 5], [1, 9], [2, 8]]}, "strictly monotone"),
        ({"quality_of_level": [[0, 0], [7, 95]]}, r"lie in \[1, 95\]"),
        ({"rate_factor": [1.0] * 7}, "list of 8 numbers"),
        ({"rate_factor": [1.0] * 7 + [0.0]}, "rate_factor must be over 0"),
        ({"rate_factor": [1.0] * 7 + [True]}, "finite number"),
        ({"risk_calibration": {"slope": [1.0] * 8}}, "risk_calibration.intercept"),
        (
            {"risk_calibration": {"slope": [-1.0] * 8, "intercept": [0.0] * 8}},
            "slope must be over 0",
        ),
        ({"error_calibration": []}, "error_calibration must be an object"),
        ({"error_calibration": ERRORS | {"schema": 2}}, "error_calibration.schema must be 1"),
        ({"error_calibration": ERRORS | {"slope": 0}}, "error_calibration.slope must be over 0"),
        ({"error_calibration": ERRORS | {"intercept": "x"}}, "intercept must be a finite number"),
        ({"error_calibration": ERRORS | {"fitted_on": ""}}, "fitted_on must be a text"),
        ({"safe_text_height": 14}, "safe_text_height must be an object"),
        ({"safe_text_height": HEIGHTS | {"schema": 2}}, "safe_text_height.schema must be 1"),
        ({"safe_text_height": HEIGHTS | {"changed_share": 1}}, "between 0 and 1"),
        ({"safe_text_height": HEIGHTS | {"fitted_on": ""}}, "fitted_on must be a text"),
        ({"safe_text_height": HEIGHTS | {"pixels": [9.0] * 7}}, "8 numbers or nulls"),
        ({"safe_text_height": HEIGHTS | {"pixels": [9.0] * 7 + ["8"]}}, "finite number"),
        ({"safe_text_height": HEIGHTS | {"pixels": [9.0] * 7 + [0.0]}}, "over 0 and never rise"),
        ({"safe_text_height": HEIGHTS | {"pixels": [9.0] * 7 + [9.5]}}, "over 0 and never rise"),
        ({"safe_text_height": HEIGHTS | {"pixels": [9.0] * 7 + [None]}}, "null only before"),
    ],
)
def test_each_defect_is_named(
    change: dict[str, Any], sentence: str, jpeg_profile_content: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(ProfileError, match=sentence) as caught:
        _load(jpeg_profile_content | change, tmp_path)
    assert str(caught.value).startswith("codec.json: ")


@pytest.mark.parametrize("text", ["", "{", "[]", "3"])
def test_a_file_that_is_no_profile(text: str, tmp_path: Path) -> None:
    path = tmp_path / "codec.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileError, match=r"codec\.json"):
        CodecProfile.load(path)


def test_two_profiles_of_one_name_are_refused(
    jpeg_profile_content: dict[str, Any], tmp_path: Path
) -> None:
    for file in ("one.json", "two.json"):
        (tmp_path / file).write_text(json.dumps(jpeg_profile_content), encoding="utf-8")
    with pytest.raises(ProfileError, match="two codec profiles are named jpeg"):
        packaged_profiles(tmp_path)


def test_every_packaged_profile_loads() -> None:
    assert all(name == profile.name for name, profile in packaged_profiles().items())


def test_a_folder_that_is_not_there_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="there is no folder gone of codec profiles"):
        packaged_profiles(tmp_path / "gone")
