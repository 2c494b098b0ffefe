"""Packaged weights are found by their manifest and trusted by their hash only."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from riskmask.model.runtime.errors import WeightsError
from riskmask.model.runtime.weights import find_weights

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ENTRY = {"file": "detector-1.onnx", "sha256": SHA256, "name": "first"}


def _folder(path: Path, manifest: Any) -> Path:
    (path / "detector-1.onnx").write_bytes(CONTENT)
    (path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return path


def test_the_named_file_is_found(tmp_path: Path) -> None:
    weights = find_weights("detector", _folder(tmp_path, {"detector": ENTRY}))
    assert weights.path.read_bytes() == CONTENT
    assert (weights.sha256, weights.name) == (SHA256, "first")


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        ({}, "names no detector"),
        ([], "names no detector"),
        ({"detector": {"file": "detector-1.onnx"}}, "must have file, sha256 and name"),
        ({"detector": "detector-1.onnx"}, "must have file, sha256 and name"),
        ({"detector": ENTRY | {"file": "gone.onnx"}}, "gone.onnx is missing"),
        ({"detector": ENTRY | {"sha256": "0" * 64}}, "is damaged"),
    ],
)
def test_each_defect_is_named(manifest: Any, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=sentence) as caught:
        find_weights("detector", _folder(tmp_path, manifest))
    assert str(tmp_path) not in str(caught.value)


def test_no_weights_at_all(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="this installation holds no weights"):
        find_weights("detector", tmp_path)


def test_a_manifest_that_is_not_json(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(WeightsError, match="not JSON"):
        find_weights("detector", tmp_path)


def test_a_manifest_cannot_point_outside_its_folder(tmp_path: Path) -> None:
    inner = tmp_path / "weights"
    inner.mkdir()
    (tmp_path / "outside.onnx").write_bytes(CONTENT)
    entry = ENTRY | {"file": "../outside.onnx"}
    with pytest.raises(WeightsError, match="missing"):
        find_weights("detector", _folder(inner, {"detector": entry}))
