"""``riskmask hints`` and ``riskmask analyze --hint``: the files that encoders read."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from riskmask.client import Client


def test_it_writes_what_the_encoder_reads(
    riskmask: Any, picture: Path, tmp_path: Path, detector_path: Path, profiles_folder: Path
) -> None:
    out = tmp_path / "roi.bin"
    done = riskmask("hints", picture, "--for", "kvazaar", "--bpp", 0.03, "-o", out)
    assert done.returncode == 0, done.stderr
    with Client.local(model=detector_path, profiles=profiles_folder) as client:
        analysis = client.analyze(picture, codec="kvazaar", bpp=0.03, hint_formats=["kvazaar"])
    assert out.read_bytes() == analysis.hints[0].data
    assert struct.unpack("<2i", out.read_bytes()[:8]) == (3, 2)
    assert "3x2 cells of 64 pixels, 14 bytes; the encoder follows it" in done.stdout
    assert f"scene.png: {analysis.decision} with kvazaar" in done.stdout


def test_it_says_when_the_hint_is_for_another_rate_than_was_asked_for(
    riskmask: Any, picture: Path, tmp_path: Path
) -> None:
    done = riskmask("hints", picture, "--for", "kvazaar", "--bpp", 1e-6, "-o", tmp_path / "roi.bin")
    assert done.returncode == 0, done.stderr
    assert "was analysed in place of 1e-06." in done.stdout
    done = riskmask("hints", picture, "--for", "kvazaar", "--bpp", 0.1, "-o", tmp_path / "roi.bin")
    assert "in place of" not in done.stdout


def test_the_policy_decides_where_the_bits_go(riskmask: Any, picture: Path, tmp_path: Path) -> None:
    maps = []
    for policy in ("evidence", "thumbnail"):
        out = tmp_path / policy
        flags = ("--for", "neural-quality", "--bpp", 0.3, "-o", out, "--policy", policy)
        assert riskmask("hints", picture, *flags).returncode == 0
        maps.append(out.read_bytes())
    assert maps[0] != maps[1]


def test_it_says_when_an_encoder_will_not_listen(
    riskmask: Any, picture: Path, tmp_path: Path
) -> None:
    done = riskmask("hints", picture, "--for", "libvpx", "-o", tmp_path / "map")
    assert "accepts it and does nothing on stills" in done.stdout
    done = riskmask("hints", picture, "--for", "nvenc-hevc", "-o", tmp_path / "map")
    assert "never run" in done.stdout


def test_the_encoders_own_profile_is_used_where_there_is_one(
    riskmask: Any, picture: Path, tmp_path: Path
) -> None:
    out = tmp_path / "advice.json"
    done = riskmask("hints", picture, "--for", "jpeg", "--quality", 50, "--out", out)
    assert "with jpeg at" in done.stdout
    assert json.loads(out.read_text())["encoder"] == "jpeg"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--for", "h266", "-o", "x"), "no hint format 'h266'; use one of android-qp-map"),
        (("--for", "x264", "-o", "x", "--bpp", 1, "--bytes", 9), "exclude one another"),
        (("--for", "x264", "-o", "x", "--codec", "nonesuch"), "no codec profile 'nonesuch'"),
        (("--for", "x264", "-o", "x", "--policy", "nonesuch"), "one of archive, balanced"),
        (("--for", "x264", "-o", "no/such/folder/x"), "there is no folder no/such/folder"),
    ],
)
def test_what_is_wrong_is_said_on_one_line(
    riskmask: Any, picture: Path, flags: tuple[object, ...], said: str
) -> None:
    done = riskmask("hints", picture, *flags)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert said in done.stderr


def test_the_image_itself_is_never_written_over(riskmask: Any, picture: Path) -> None:
    before = picture.read_bytes()
    done = riskmask("hints", picture, "--for", "x264", "-o", picture)
    assert done.returncode == 2
    assert "is the image itself" in done.stderr
    assert picture.read_bytes() == before


def test_analyze_writes_the_hints_beside_the_rest(
    riskmask: Any, picture: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    flags = ("--hint", "x265", "--hint", "android-qp-rects", "--bpp", 0.1, "--out", out)
    done = riskmask("analyze", picture, *flags)
    assert done.returncode == 0, done.stderr
    offsets = np.frombuffer((out / "scene.png.x265.hint").read_bytes(), "<f4")
    assert offsets.size == 60
    assert (out / "scene.png.android-qp-rects.hint").exists()
    listed = json.loads((out / "scene.png.json").read_text())["hints"]
    assert [hint["format"] for hint in listed] == ["x265", "android-qp-rects"]
    assert riskmask("analyze", picture, "--hint", "x265").returncode == 2
