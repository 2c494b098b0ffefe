"""Packaged weights are found by their manifest and trusted by their hash only."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from riskmask.model.runtime.errors import WeightsError
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.weights import find_weights, weights_beside

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
        ({"detector": ENTRY | {"sha256": None}}, "must have file, sha256 and name"),
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


def _beside(model: Path, folder: Path, **changes: Any) -> Path:
    """A copy of a model in a folder, beside a manifest that names it."""
    content = model.read_bytes()
    path = folder / "served.onnx"
    path.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    entry = {"file": path.name, "sha256": sha256, "name": "tiny"} | changes
    (folder / "manifest.json").write_text(json.dumps({"detector": entry}), encoding="utf-8")
    return path


def test_a_file_that_its_manifest_describes_is_loaded(detector_path: Path, tmp_path: Path) -> None:
    path = _beside(detector_path, tmp_path)
    expected = weights_beside(path)
    assert expected is not None
    predictor = Predictor(path, threads=1, expected=expected)
    assert (predictor.sha256, predictor.name) == (expected.sha256, "tiny")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sha256": "0" * 64}, "is damaged or another file: its sha256 is"),
        ({"name": "huge"}, "holds the model tiny, its manifest says huge"),
    ],
)
def test_a_file_that_its_manifest_does_not_describe_is_refused(
    changes: dict[str, str], sentence: str, detector_path: Path, tmp_path: Path
) -> None:
    path = _beside(detector_path, tmp_path, **changes)
    with pytest.raises(WeightsError, match=sentence) as caught:
        Predictor(path, threads=1, expected=weights_beside(path))
    assert str(tmp_path) not in str(caught.value)


def test_a_link_is_described_where_it_leads_to(detector_path: Path, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    path = _beside(detector_path, tmp_path / "store")
    link = tmp_path / "current.onnx"
    link.symlink_to(path)
    found = weights_beside(link)
    assert found is not None
    assert found.path == path


def test_without_a_manifest_or_an_entry_nothing_is_said(tmp_path: Path) -> None:
    path = tmp_path / "detector-1.onnx"
    path.write_bytes(CONTENT)
    assert weights_beside(path) is None
    for manifest in ({"detector": ENTRY | {"file": "another.onnx"}}, ["detector-1.onnx"]):
        _folder(tmp_path, manifest)
        assert weights_beside(path) is None


@pytest.mark.parametrize("manifest", ["{", json.dumps({"detector": {"file": "detector-1.onnx"}})])
def test_a_manifest_beside_a_file_that_says_too_little_is_refused(
    manifest: str, tmp_path: Path
) -> None:
    path = tmp_path / "detector-1.onnx"
    path.write_bytes(CONTENT)
    (tmp_path / "manifest.json").write_text(manifest, encoding="utf-8")
    with pytest.raises(WeightsError, match=r"not readable JSON|must have file"):
        weights_beside(path)
