"""Codec profiles: how one codec's own quality, rates and risks map to the model's levels.

A profile is one JSON file, schema 1::

    {
      "schema": 1,
      "name": "jpeg",                    lower case, digits and hyphens
      "version": "1",                    changes whenever a figure does
      "codec": "libjpeg-turbo, optimised, 4:2:0",
      "quality": {
        "minimum": 1, "maximum": 95,     the codec's own range
        "integer": true,                 whether it takes whole numbers only
        "meaning": "libjpeg quality, higher is finer"
      },
      "quality_of_level": [[1.6, 1], [3, 22], [7, 92]],
      "rate_factor": [1, 1, 1, 1, 1, 1, 1, 1],
      "risk_calibration": {"slope": [1, ...], "intercept": [0, ...]},
      "fitted_on": "one sentence: which images, how many, when, with which command"
    }

- ``quality_of_level``: at least two [level, quality] pairs; levels in [0, 7] strictly
  increasing, qualities in the range and strictly monotone in either direction. Linear between
  the pairs. The first and last level bound what the codec can do.
- ``rate_factor``: 8 positive numbers, one per anchor level, which multiply the model's rate map.
- ``risk_calibration``: 8 slopes over 0 and 8 intercepts: at each anchor the calibrated risk is
  sigmoid(slope x logit(risk) + intercept) (Platt scaling). Identity: 1 and 0.
- ``safe_text_height``: optional, see :mod:`riskmask.model.runtime.safe_text_height`::

      {
        "schema": 1,
        "changed_share": 0.3,            of lines from that height on no larger share is changed
        "pixels": [null, 40, ..., 8],    8 heights over 0 that never rise, null where none is safe
        "fitted_on": "one sentence: which lines, how many, with which command"
      }

- ``error_calibration``: optional, see :mod:`riskmask.model.runtime.error_calibration`::

      {
        "schema": 1,
        "slope": 0.9, "intercept": 0.2,  of the logit of the peak of an image's risk map
        "fitted_on": "one sentence: which pictures, how many, with which command"
      }
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from riskmask.model.levels import FINEST
from riskmask.model.runtime.error_calibration import ErrorCalibration, parse_error_calibration
from riskmask.model.runtime.errors import ProfileError
from riskmask.model.runtime.profile_fields import number, object_field, per_anchor, text_field
from riskmask.model.runtime.safe_text_height import SafeTextHeight, parse_safe_text_height

SCHEMA = 1
NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class CodecProfile:
    """One codec on the common scale.

    Attributes:
        name, version: identity; ``codec`` says in words which encoder and settings.
        quality_minimum, quality_maximum: range of the codec's own parameter, in which it takes
            whole numbers only if ``quality_integer``; ``quality_meaning`` says what it is.
        anchors: (level, quality) pairs, increasing in the level, strictly monotone in quality.
        rate_factor: 8 factors over 0 on the model's rate map, one per anchor level.
        risk_slope, risk_intercept: 8 each, the logistic calibration of the risk's logit.
        fitted_on: where the figures come from.
        safe_text_height: from which height on it keeps text; None where nobody measured it.
        error_calibration: how likely an image has an error; None likewise.
    """

    name: str
    version: str
    codec: str
    quality_minimum: float
    quality_maximum: float
    quality_integer: bool
    quality_meaning: str
    anchors: tuple[tuple[float, float], ...]
    rate_factor: tuple[float, ...]
    risk_slope: tuple[float, ...]
    risk_intercept: tuple[float, ...]
    fitted_on: str
    safe_text_height: SafeTextHeight | None = None
    error_calibration: ErrorCalibration | None = None

    @property
    def coarsest_level(self) -> float:
        """Level of the coarsest setting that the codec has, in [0, 7]."""
        return self.anchors[0][0]

    @property
    def finest_level(self) -> float:
        """Level of the finest setting that the codec has, in [0, 7]."""
        return self.anchors[-1][0]

    def quality_of_level(self, level: float) -> float:
        """The codec's own quality at a level; levels beyond its range give the nearest end."""
        levels, qualities = zip(*self.anchors, strict=True)
        return float(np.interp(level, levels, qualities))

    def level_of_quality(self, quality: float) -> float:
        """Level of a quality; qualities beyond the fitted range give the nearest end."""
        levels, qualities = zip(*self.anchors, strict=True)
        if qualities[0] > qualities[-1]:
            levels, qualities = levels[::-1], qualities[::-1]
        return float(np.interp(quality, qualities, levels))

    @classmethod
    def load(cls, path: Path) -> CodecProfile:
        """Read one profile file.

        Raises:
            ProfileError: it cannot be read or breaks the schema; the message names the field.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise ProfileError(
                f"the codec profile {path.name} is not a readable JSON file"
            ) from None
        if not isinstance(content, dict):
            raise ProfileError(f"the codec profile {path.name} must be a JSON object")
        return _parsed(content, path.name)


def packaged_profiles(folder: Path | None = None) -> dict[str, CodecProfile]:
    """Every profile of a folder (the package's own unless given) by name, sorted.

    Raises:
        ProfileError: one of them is broken, two share a name, or there is no such folder.
    """
    if folder is None:
        folder = Path(str(resources.files("riskmask.model"))) / "profiles"
    if not folder.is_dir():  # a glob would find nothing in it and not say so
        raise ProfileError(f"there is no folder {folder.name} of codec profiles")
    profiles: dict[str, CodecProfile] = {}
    for path in sorted(folder.glob("*.json")):
        profile = CodecProfile.load(path)
        if profile.name in profiles:
            raise ProfileError(f"two codec profiles are named {profile.name}")
        profiles[profile.name] = profile
    return profiles


def write_profile_file(path: Path, content: Mapping[str, Any]) -> CodecProfile:
    """Write a profile, whole or not at all, and read it back.

    Raises:
        ProfileError: it breaks the schema, by its name for example; nothing is written then.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".profile-") as scratch:
        written = Path(scratch) / path.name
        written.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        profile = CodecProfile.load(written)
        written.replace(path)
    return profile


def amend_profile_file(path: Path, changes: Mapping[str, Any]) -> CodecProfile:
    """Put fields into a profile's file, whole or not at all; its version goes up by one.

    A field of None is taken out. Where the file says all of that already, it stays as it is.

    Raises:
        ProfileError: the profile is missing or breaks its schema, before or after, or its version
            is no number.
    """
    before = CodecProfile.load(path)
    content = json.loads(path.read_text(encoding="utf-8"))
    if all(content.get(field) == value for field, value in changes.items()):
        return before
    if not before.version.isdecimal():
        raise ProfileError(
            f"{path.name}: its version {before.version!r} is no number to count up; make it one"
        )
    after = {**content, **changes, "version": str(int(before.version) + 1)}
    return write_profile_file(
        path, {key: value for key, value in after.items() if value is not None}
    )


def _parsed(content: dict[str, Any], file: str) -> CodecProfile:
    if content.get("schema") != SCHEMA:
        raise ProfileError(f"{file}: schema must be {SCHEMA}, not {content.get('schema')!r}")
    name = text_field(content, "name", file)
    if not NAME.fullmatch(name):
        raise ProfileError(f"{file}: name must be lower case letters, digits and hyphens")
    quality = object_field(content, "quality", file)
    minimum = number(quality.get("minimum"), "quality.minimum", file)
    maximum = number(quality.get("maximum"), "quality.maximum", file)
    if minimum >= maximum:
        raise ProfileError(f"{file}: quality.minimum must be under quality.maximum")
    integer = quality.get("integer")
    if not isinstance(integer, bool):
        raise ProfileError(f"{file}: quality.integer must be true or false")
    calibration = object_field(content, "risk_calibration", file)
    profile = CodecProfile(
        name=name,
        version=text_field(content, "version", file),
        codec=text_field(content, "codec", file),
        quality_minimum=minimum,
        quality_maximum=maximum,
        quality_integer=integer,
        quality_meaning=text_field(quality, "meaning", file),
        anchors=_anchors(content.get("quality_of_level"), minimum, maximum, file),
        rate_factor=per_anchor(content.get("rate_factor"), "rate_factor", file),
        risk_slope=per_anchor(calibration.get("slope"), "risk_calibration.slope", file),
        risk_intercept=per_anchor(calibration.get("intercept"), "risk_calibration.intercept", file),
        fitted_on=text_field(content, "fitted_on", file),
        safe_text_height=parse_safe_text_height(content, file),
        error_calibration=parse_error_calibration(content, file),
    )
    if min(profile.rate_factor) <= 0:
        raise ProfileError(f"{file}: every rate_factor must be over 0")
    if min(profile.risk_slope) <= 0:
        raise ProfileError(f"{file}: every risk_calibration.slope must be over 0")
    return profile


def _anchors(
    value: object, minimum: float, maximum: float, file: str
) -> tuple[tuple[float, float], ...]:
    key = "quality_of_level"
    if not isinstance(value, list) or len(value) < 2:
        raise ProfileError(f"{file}: {key} must be a list of at least two [level, quality] pairs")
    pairs = []
    for entry in value:
        if not isinstance(entry, list) or len(entry) != 2:
            raise ProfileError(f"{file}: {key} must hold [level, quality] pairs")
        pairs.append((number(entry[0], key, file), number(entry[1], key, file)))
    steps = [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(pairs)]
    if any(level <= 0 for level, _ in steps) or pairs[0][0] < 0 or pairs[-1][0] > FINEST:
        raise ProfileError(f"{file}: levels of {key} must increase strictly within [0, {FINEST:g}]")
    if not (all(step > 0 for _, step in steps) or all(step < 0 for _, step in steps)):
        raise ProfileError(f"{file}: qualities of {key} must be strictly monotone")
    if any(not minimum <= quality <= maximum for _, quality in pairs):
        raise ProfileError(f"{file}: qualities of {key} must lie in [{minimum:g}, {maximum:g}]")
    return tuple(pairs)
