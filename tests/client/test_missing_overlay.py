"""A picture that cannot be shown costs its overlay; the answer to it is written all the same."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import pytest
from PIL import Image
from typer.testing import CliRunner

from riskmask.client import cli_verify
from riskmask.client._picture import PictureError, _register_heif, load_for_display
from riskmask.client.cli import app

RUNNER = CliRunner()
HEIC = b"\0\0\0\x18ftypheic"


@pytest.fixture
def too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow opens 15,000 pixels at most; the engine, which has a limit of its own, any image."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 7500)


@pytest.mark.usefixtures("too_large")
def test_an_analysis_is_written_without_its_overlay(
    picture: Path, tmp_path: Path, detector_path: Path, profiles_folder: Path
) -> None:
    out = tmp_path / "out"
    local = ("--model", str(detector_path), "--profiles", str(profiles_folder))
    small = tmp_path / "small.png"
    Image.new("RGB", (48, 32), "red").save(small)
    images = (str(picture), str(small))
    done = RUNNER.invoke(app, ["analyze", *images, "--hint", "x264", "--out", str(out), *local])
    assert done.exit_code == 2, "the first one failed"
    [error] = [line for line in done.stderr.splitlines() if line.startswith("riskmask: ")]
    said = f"riskmask: {picture}: all is written but its overlay: {picture} cannot be shown: "
    assert error.startswith(said)
    assert sorted(file.name for file in out.iterdir()) == [
        "scene.png.json",
        "scene.png.risk.png",
        "scene.png.x264.hint",
        "small.png.json",
        "small.png.overlay.png",
        "small.png.risk.png",
        "small.png.x264.hint",
    ]
    assert json.loads((out / "scene.png.json").read_text())["image"]["width"] == 160
    with Image.open(out / "small.png.risk.png") as risk:
        assert risk.size == (48, 32)


@pytest.mark.usefixtures("too_large")
def test_a_verification_is_written_without_its_overlay(picture: Path, tmp_path: Path) -> None:
    decoded = tmp_path / "decoded.png"
    Image.new("RGB", (160, 96), "green").save(decoded)
    out = tmp_path / "out"
    pair = (str(picture), str(decoded))
    done = RUNNER.invoke(
        cli_verify.app, ["verify", *pair, "--annotator", "amplitude", "--out", str(out)]
    )
    assert done.exit_code == 2
    [error] = done.stderr.splitlines()
    said = f"riskmask: all is written but the overlay: {decoded} cannot be shown: "
    assert error.startswith(said)
    assert [file.name for file in out.iterdir()] == ["decoded.png.verify.json"]
    written = json.loads((out / "decoded.png.verify.json").read_text())
    assert written["annotators"] == ["amplitude"]


@pytest.fixture(autouse=True)
def formats(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pillow as it is without HEIF, which it forgets again."""
    for name in ("OPEN", "ID"):
        monkeypatch.setattr(Image, name, getattr(Image, name).copy())
    Image.OPEN.pop("HEIF", None)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    _register_heif.cache_clear()
    yield
    _register_heif.cache_clear()


@pytest.fixture
def heic(tmp_path: Path) -> Path:
    path = tmp_path / "photo.heic"
    path.write_bytes(HEIC + bytes(100))
    return path


def test_heic_is_shown_where_its_plug_in_is_installed(
    heic: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def red(file: IO[bytes], name: str | bytes) -> Image.Image:
        file.close()
        return Image.new("RGB", (64, 48), "red")

    def register() -> None:
        Image.register_open("HEIF", red, lambda prefix: prefix.startswith(HEIC))  # type: ignore[arg-type]

    plug_in = SimpleNamespace(register_heif_opener=register)
    monkeypatch.setitem(sys.modules, "pillow_heif", plug_in)
    shown = load_for_display(heic, 32)
    assert (shown.size, shown.getpixel((0, 0))) == ((32, 24), (255, 0, 0))


def test_where_it_is_not_the_error_names_it(heic: Path) -> None:
    with pytest.raises(PictureError, match=r"photo\.heic cannot be shown: .* pillow-heif"):
        load_for_display(heic, 32)
