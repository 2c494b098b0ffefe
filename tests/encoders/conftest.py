"""A photograph with a region, what is wanted there, and the decoders that anybody has."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from riskmask.server.engine.hint_formats.canonical import CanonicalMap
from riskmask.server.engine.values import JpegAdvice

Pixels = NDArray[np.uint8]

EXAMPLES = Path(__file__).parents[2] / "examples"
# The astronaut's face, on the grid of 64 pixels, so that every format can say it.
REGION = np.s_[64:192, 64:192]


@pytest.fixture(scope="session")
def portrait() -> Pixels:
    """(256, 320, 3): a face at (64, 64) to (192, 192), and what is around it."""
    with Image.open(EXAMPLES / "astronaut.jpg") as opened:
        return np.array(opened.convert("RGB"))[0:256, 96:416]


@pytest.fixture(scope="session")
def wanted(portrait: Pixels) -> CanonicalMap:
    """Three levels more in the region than around it."""
    height, width = portrait.shape[:2]
    levels = np.full((height // 16, width // 16), 1.0, np.float32)
    levels[4:12, 4:12] = 4.0
    return CanonicalMap(levels, width, height, 1.0, JpegAdvice(80, "4:4:4", 1000, safe=True))


@pytest.fixture(scope="session")
def region_psnr() -> Callable[[Pixels, Pixels], float]:
    """PSNR inside the region, dB."""

    def measure(image: Pixels, decoded: Pixels) -> float:
        error = image[REGION].astype(np.float64) - decoded[REGION]
        return float(10 * np.log10(255**2 / np.mean(error**2)))

    return measure


@pytest.fixture(scope="session")
def decode() -> Callable[[bytes], Pixels]:
    """Decodes a JPEG with Pillow, and a video's only frame with FFmpeg's decoders."""

    def read(data: bytes) -> Pixels:
        if data[:2] == b"\xff\xd8":
            with Image.open(io.BytesIO(data)) as opened:
                return np.array(opened.convert("RGB"))
        with av.open(io.BytesIO(data)) as container:
            [frame] = container.decode(video=0)
            return frame.to_ndarray(format="rgb24")

    return read


@pytest.fixture(scope="session")
def ffmpeg() -> Callable[..., bytes]:
    """``ffmpeg(pixels, *output options)``: what the binary of imageio-ffmpeg makes of a picture."""

    def run(image: Pixels, *options: str) -> bytes:
        height, width = image.shape[:2]
        done = subprocess.run(
            [
                imageio_ffmpeg.get_ffmpeg_exe(),
                *("-hide_banner", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"),
                *("-s", f"{width}x{height}", "-i", "-", "-frames:v", "1", "-bitexact"),
                *options,
                "-",
            ],
            input=image.tobytes(),
            capture_output=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()[-500:]
        return done.stdout

    return run
