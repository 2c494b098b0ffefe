"""``riskmask profile``, with the packaged model: a user's codec is fitted and asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"
PLUGIN = """
import io

import numpy as np
from PIL import Image


def my_codec(image, quality):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=int(quality))
    return np.array(Image.open(buffer)), buffer.getvalue()


def broken(image, quality):
    raise RuntimeError("no encoder")


def constant(image, quality):
    return image, 1000
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plugin") / "plugin.py"
    path.write_text(PLUGIN, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two parts of the examples: lines of small text, and a portrait without any."""
    folder = tmp_path_factory.mktemp("pictures")
    for name, box in (("notice.png", (32, 200, 320, 360)), ("astronaut.jpg", (128, 0, 288, 160))):
        with Image.open(EXAMPLES / name) as opened:
            opened.convert("RGB").crop(box).save(folder / f"{Path(name).stem}.png")
    return folder


@pytest.mark.slow
def test_a_codec_is_fitted_and_asked_for(
    riskmask: Any, plugin: Path, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "profiles" / "my-codec.json"
    done = riskmask(
        "profile",
        f"{plugin}:my_codec",
        pictures,
        "--qualities",
        "5,20,60",
        "-o",
        out,
        local=False,
    )
    assert done.returncode == 0, done.stderr
    assert "rates: quality 5 is level" in done.stdout
    assert "verdicts on text in 2 pictures" in done.stdout
    assert f"wrote {out}" in done.stdout.replace("\n", "")
    assert json.loads(out.read_text("utf-8"))["name"] == "my-codec"
    kept = out.with_suffix(".run") / "pictures.jsonl"
    assert kept.read_text("utf-8").count("\n") == 2

    notice = pictures / "notice.png"
    asked = riskmask(
        "analyze",
        notice,
        "--codec",
        "my-codec",
        "--quality",
        20,
        "--profiles",
        out.parent,
        local=False,
    )
    assert asked.returncode == 0, asked.stderr
    assert "my-codec" in asked.stdout


def test_a_run_of_other_qualities_is_not_gone_on_with(
    riskmask: Any, plugin: Path, pictures: Path, tmp_path: Path
) -> None:
    portrait = pictures / "astronaut.png"

    def profile(qualities: str) -> Any:
        command = ("profile", f"{plugin}:constant", portrait, "--qualities", qualities)
        return riskmask(*command, "-o", tmp_path / "own.json", local=False)

    assert "the mean bpp must rise" in profile("10,20").stderr
    refused = profile("10,30")
    assert refused.returncode == 2
    assert "holds a run that differs in qualities; name another folder with --run" in (
        " ".join(refused.stderr.split())
    )


@pytest.mark.parametrize(
    ("callable_", "qualities", "message"),
    [
        ("my_codec", "10,ten", "--qualities must be numbers"),
        ("my_codec", "10,10", "at least two different qualities"),
        ("absent", "10,20", "has no callable absent"),
        ("broken", "10,20", "failed at quality 10: RuntimeError: no encoder"),
        ("constant", "10,20", "the mean bpp must rise or fall"),
    ],
)
def test_what_cannot_be_fitted_is_said_in_one_line(
    riskmask: Any,
    plugin: Path,
    pictures: Path,
    tmp_path: Path,
    callable_: str,
    qualities: str,
    message: str,
) -> None:
    out = tmp_path / "own.json"
    done = riskmask(
        "profile",
        f"{plugin}:{callable_}",
        pictures / "astronaut.png",
        "--qualities",
        qualities,
        "-o",
        out,
        local=False,
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not out.exists()
