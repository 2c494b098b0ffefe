"""New weights enter the manifest, and those that they replace leave the folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from riskmask.model.codecs import packaged_hyperprior
from riskmask.model.release import register
from riskmask.model.runtime.weights import find_weights


def _write(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(name.encode())
    return path


def test_registered_weights_are_the_ones_that_are_found(tmp_path: Path) -> None:
    path = _write(tmp_path, "detector-11111111.onnx")
    register("detector", path, "first")
    found = find_weights("detector", tmp_path)
    assert (found.path, found.name) == (path, "first")


def test_replaced_weights_are_dropped_and_other_roles_kept(tmp_path: Path) -> None:
    old = _write(tmp_path, "detector-11111111.onnx")
    other = _write(tmp_path, "hyperprior-22222222.safetensors")
    stranger = _write(tmp_path, "notes.txt")
    register("detector", old, "first")
    register("hyperprior", other, "codec")
    new = _write(tmp_path, "detector-33333333.onnx")
    register("detector", new, "second")
    assert not old.exists()
    assert stranger.exists()
    assert find_weights("detector", tmp_path).path == new
    assert find_weights("hyperprior", tmp_path).path == other
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        new.name,
        other.name,
        "manifest.json",
        "notes.txt",
    ]


def test_registering_the_same_weights_again_keeps_them(tmp_path: Path) -> None:
    path = _write(tmp_path, "detector-11111111.onnx")
    register("detector", path, "first")
    register("detector", path, "renamed")
    assert find_weights("detector", tmp_path).name == "renamed"


def test_weights_that_are_not_there_leave_the_manifest_alone(tmp_path: Path) -> None:
    register("detector", _write(tmp_path, "detector-11111111.onnx"), "first")
    before = (tmp_path / "manifest.json").read_text(encoding="utf-8")
    with pytest.raises(FileNotFoundError):
        register("detector", tmp_path / "detector-gone.onnx", "second")
    assert (tmp_path / "manifest.json").read_text(encoding="utf-8") == before
    assert find_weights("detector", tmp_path).name == "first"


def test_the_packaged_codec_is_whole_and_small() -> None:
    path = packaged_hyperprior()
    assert path.stat().st_size < 8_000_000
    manifest = json.loads((path.parent / "manifest.json").read_text(encoding="utf-8"))
    assert {entry["file"] for entry in manifest.values()} >= {path.name}
    weights = {p.name for p in path.parent.iterdir() if p.suffix in {".safetensors", ".onnx"}}
    assert weights == {entry["file"] for entry in manifest.values()}
