"""``riskmask encode``: a file of the size, and errors that say what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from riskmask.server.engine.decode import decode

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    """A part of the astronaut's photograph with a striped red text of the tiny detector, as PNG."""
    with Image.open(EXAMPLES / "astronaut.jpg") as opened:
        part = opened.convert("RGB").crop((128, 0, 320, 160))
    part.paste((255, 0, 0), (64, 64, 128, 80))
    for x in range(66, 128, 8):
        part.paste((255, 70, 70), (x, 66, x + 4, 78))
    path = tmp_path / "portrait.png"
    part.save(path)
    return path


@pytest.fixture(scope="module")
def profile_of_exchanged_colours() -> bytes:
    """sRGB with the colorants of red and blue exchanged, under another name (ICC.1, 7.2)."""
    content = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    entries = {}
    for index in range(int.from_bytes(content[128:132], "big")):
        start = 132 + 12 * index
        entries[bytes(content[start : start + 4])] = slice(start + 4, start + 8)
    red, blue = entries[b"rXYZ"], entries[b"bXYZ"]
    content[red], content[blue] = content[blue], content[red]
    other = bytes(content).replace(b"sRGB", b"xRGB")
    return other.replace("sRGB".encode("utf-16-be"), "xRGB".encode("utf-16-be"))


def test_a_jpeg_of_a_size_that_pillow_opens(riskmask: Any, portrait: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jpg"
    done = riskmask("encode", portrait, "-o", out, "--for", "jpeg", "--bytes", 4000)
    assert done.returncode == 0, done.stderr
    assert 0.97 * 4000 <= out.stat().st_size <= 4000
    assert f"{out.stat().st_size} bytes of 4000" in done.stdout
    assert "with jpeg at" in done.stdout
    with Image.open(out) as opened:
        assert (opened.format, opened.size) == ("JPEG", (192, 160))


def test_without_a_hint_nothing_is_analysed(riskmask: Any, portrait: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    flags = ("--for", "x264", "--bpp", 1, "--uniform")
    done = riskmask("encode", portrait, "-o", out, *flags, local=False)
    assert done.returncode == 0, done.stderr
    assert 0.97 * 3840 <= out.stat().st_size <= 3840
    assert done.stdout.count("\n") == 1
    assert "crf" in done.stdout


def test_a_policy_that_no_server_knows_is_told(
    riskmask: Any, portrait: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jpg"
    flags = ("--for", "jpeg", "--bytes", 4000, "--policy", "nonesuch")
    done = riskmask("encode", portrait, "-o", out, *flags)
    assert done.returncode == 2
    assert "one of archive, balanced, evidence, thumbnail" in done.stderr
    assert not out.exists()


def test_what_is_encoded_is_what_the_engine_looks_at(
    riskmask: Any, profile_of_exchanged_colours: bytes, tmp_path: Path
) -> None:
    picture, out = tmp_path / "wide.png", tmp_path / "out.jpg"
    Image.new("RGB", (64, 64), (220, 40, 40)).save(
        picture, icc_profile=profile_of_exchanged_colours
    )
    done = riskmask("encode", picture, "-o", out, "--for", "jpeg", "--bytes", 4000, "--uniform")
    assert done.returncode == 0, done.stderr
    assert "its colour profile was converted to sRGB" in done.stdout
    looked_at = decode(picture.read_bytes()).pixels[32, 32].astype(int)
    assert looked_at[2] > looked_at[0] + 100
    with Image.open(out) as opened:
        np.testing.assert_allclose(opened.convert("RGB").getpixel((32, 32)), looked_at, atol=3)


@pytest.mark.slow
def test_the_hint_makes_another_file(riskmask: Any, portrait: Path, tmp_path: Path) -> None:
    decoded = []
    for flags in ((), ("--uniform",)):
        out = tmp_path / "out.jpg"
        # Small enough that the region wants steps at least half again as fine as the others'.
        done = riskmask("encode", portrait, "-o", out, "--for", "jpeg", "--bytes", 1500, *flags)
        assert done.returncode == 0, done.stderr
        with Image.open(out) as opened:
            decoded.append(np.array(opened.convert("RGB")).astype(float))
    with Image.open(portrait) as opened:
        original = np.array(opened.convert("RGB")).astype(float)
    error = [np.mean((picture - original)[64:80, 64:128] ** 2) for picture in decoded]
    assert error[0] < error[1]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--for", "x266", "-o", "a.mp4", "--bpp", 1), "no encoder 'x266'; use one of hyperprior"),
        (("--for", "x264", "-o", "a.jpg", "--bpp", 1), "x264 writes .mp4, .h264, .264"),
        (("--for", "x264", "-o", "a.mp4"), "--bytes or --bpp, one of them"),
        (("--for", "x264", "-o", "a.mp4", "--bpp", 1, "--bytes", 9), "one of them"),
        (("--for", "jpeg", "-o", "a.jpg", "--bytes", 0), "must be finite and over 0"),
        (("--for", "jpeg", "-o", "a.jpg", "--bpp", "nan"), "must be finite and over 0"),
        (("--for", "jpeg", "-o", "a.jpg", "--bpp", "inf"), "must be finite and over 0"),
        (("--for", "jpeg", "-o", "none/a.jpg", "--bpp", 1), "there is no folder none"),
        (("--for", "jpeg", "-o", "a.jpg", "--bpp", "1e307"), "more bytes than can be counted"),
        (
            ("--for", "jpeg", "-o", "a.jpg", "--bpp", 1, "--uniform", "--policy", "archive"),
            "--uniform",
        ),
        (("--for", "jpeg", "-o", "a.jpg", "--bytes", 99, "--uniform"), "jpeg needs at least"),
    ],
)
def test_what_is_wrong_is_said_on_one_line(
    riskmask: Any, portrait: Path, flags: tuple[object, ...], said: str
) -> None:
    done = riskmask("encode", portrait, *flags)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert said in done.stderr
    assert not Path("a.jpg").exists()


def test_what_is_not_installed_is_said_on_one_line(portrait: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jpg"
    without = (
        "import runpy, sys; sys.modules['cv2'] = None; "
        "runpy.run_module('riskmask.client', run_name='__main__')"
    )
    command = ["encode", portrait, "-o", out, "--for", "jpeg", "--bytes", "3000", "--uniform"]
    done = subprocess.run(
        [sys.executable, "-c", without, *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "encoding needs cv2: pip install 'riskmask[server,encoders]'" in done.stderr
    assert not out.exists()
