"""Every hint that is called effective moves bits in the real encoder: same size, better region."""

from __future__ import annotations

import io
import json
import struct
import subprocess
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.encoders import find_encoder
from riskmask.model.encoders.base import finest_within
from riskmask.model.runtime.profiles import packaged_profiles
from riskmask.server.engine.hint_formats.canonical import CanonicalMap
from riskmask.server.engine.hints import HINT_FORMATS
from riskmask.server.engine.values import JpegAdvice

Pixels = NDArray[np.uint8]
Psnr = Callable[[Pixels, Pixels], float]
Decode = Callable[[bytes], Pixels]

SIZE = 6000
GAIN = 2.0  # dB
EQUAL = 0.97  # of the size asked for
# The formats whose proof is below; a format may only be called effective if it is one of them.
PROVEN = {
    *("ffmpeg-roi", "ffmpeg-addroi", "x264", "x265", "kvazaar"),
    *("riskmask-levels", "neural-quality", "jpeg", "webp", "jpeg-xl"),
}


def test_what_is_called_effective_is_proven_here() -> None:
    effective = {name for name, hint in HINT_FORMATS.items() if hint.effectiveness == "EFFECTIVE"}
    assert effective == PROVEN


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x264", "x265", "kvazaar", "jpeg"])
def test_the_region_gains_at_equal_bytes(
    name: str, portrait: Pixels, wanted: CanonicalMap, region_psnr: Psnr, decode: Decode
) -> None:
    encoder = find_encoder(name)
    hint = HINT_FORMATS[encoder.hint_format].export(wanted).data
    suffix = encoder.suffixes[0]
    uniform = encoder.encode(portrait, SIZE, None, suffix)
    hinted = encoder.encode(portrait, SIZE, hint, suffix)
    for encoded in (uniform, hinted):
        assert EQUAL * SIZE <= len(encoded.data) <= SIZE, encoded.quality
    before = region_psnr(portrait, decode(uniform.data))
    after = region_psnr(portrait, decode(hinted.data))
    assert before > 20
    assert after >= before + GAIN


# What torch deprecates while it is imported is its own to mend.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.slow
@pytest.mark.parametrize("name", ["riskmask-levels", "neural-quality"])
def test_the_neural_codec_follows_both_of_its_maps(
    name: str, portrait: Pixels, wanted: CanonicalMap, region_psnr: Psnr
) -> None:
    from riskmask.model.codecs import CODECS

    encoder = find_encoder("hyperprior")
    codec = CODECS["hyperprior"]()
    data = HINT_FORMATS[name].export(wanted).data
    levels = np.frombuffer(data, "<f4") * (7 if name == "neural-quality" else 1)
    hint = np.clip(levels, 0, 7).astype("<f4").tobytes()
    uniform = encoder.encode(portrait, SIZE, None, ".rmk")
    hinted = encoder.encode(portrait, SIZE, hint, ".rmk")
    for encoded in (uniform, hinted):
        assert EQUAL * SIZE <= len(encoded.data) <= SIZE, encoded.quality
    before = region_psnr(portrait, codec.decompress(uniform.data))
    after = region_psnr(portrait, codec.decompress(hinted.data))
    assert after >= before + GAIN


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x264", "x265"])
def test_the_encoders_own_offsets_are_what_ffmpeg_fills_in(
    name: str, portrait: Pixels, wanted: CanonicalMap, region_psnr: Psnr, decode: Decode
) -> None:
    """FFmpeg's wrapper writes regions into the array that the format is: one for each block."""
    encoder = find_encoder(name)
    offsets = np.frombuffer(HINT_FORMATS[name].export(wanted).data, "<f4").reshape(16, 20)
    regions = b"".join(
        struct.pack(
            "<I6i",
            *(28, 16 * row, 16 * row + 16, 16 * column, 16 * column + 16),
            *(round(1000 * float(offsets[row, column])), 51_000),
        )
        for row, column in zip(*np.nonzero(offsets), strict=True)
    )
    uniform = encoder.encode(portrait, SIZE, None, ".mp4")
    hinted = encoder.encode(portrait, SIZE, regions, ".mp4")
    assert EQUAL * SIZE <= len(hinted.data) <= SIZE
    gain = region_psnr(portrait, decode(hinted.data)) - region_psnr(portrait, decode(uniform.data))
    assert gain >= GAIN


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x264", "x265"])
def test_a_line_one_block_high_gets_what_it_asks_for(
    name: str, portrait: Pixels, wanted: CanonicalMap, decode: Decode
) -> None:
    """As much as the same offset for a whole part of the picture: nothing is averaged away."""
    line, part = np.s_[6:7, 4:16], np.s_[4:8, 4:16]
    encoder = find_encoder(name)
    uniform = decode(encoder.encode(portrait, SIZE, None, ".mp4").data)
    gains = []
    for blocks in (line, part):
        levels = np.full_like(wanted.levels, 1.0)
        levels[blocks] = 4.0
        canonical = replace(wanted, levels=levels)
        hint = HINT_FORMATS[encoder.hint_format].export(canonical).data
        hinted = decode(encoder.encode(portrait, SIZE, hint, ".mp4").data)
        pixels = tuple(slice(16 * side.start, 16 * side.stop) for side in line)
        before, after = (
            np.mean((portrait[pixels].astype(np.float64) - decoded[pixels]) ** 2)
            for decoded in (uniform, hinted)
        )
        gains.append(10 * np.log10(before / after))
    assert gains[0] >= 0.8 * gains[1] >= GAIN


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x264", "x265"])
def test_with_a_map_adaptive_quantisation_takes_less_from_busy_places(
    name: str, portrait: Pixels, decode: Decode
) -> None:
    blocks = portrait.mean(axis=2).reshape(16, 16, 20, 16).std(axis=(1, 3))
    busy = (blocks > np.quantile(blocks, 0.7)).repeat(16, 0).repeat(16, 1)
    encoder = find_encoder(name)
    errors = []
    for hint in (None, b""):  # no map, and one that asks for nothing
        data = encoder.encode(portrait, SIZE, hint, ".mp4").data
        assert EQUAL * SIZE <= len(data) <= SIZE
        error = (portrait.astype(np.float64) - decode(data)) ** 2
        errors.append([np.mean(error[busy]), np.mean(error[~busy])])
    [in_busy, elsewhere] = 10 * np.log10(np.divide(*errors))
    assert in_busy > 0
    assert in_busy - elsewhere > 0.5, "dB"


@pytest.mark.slow
def test_the_filter_chain_works_on_ffmpegs_command_line(
    portrait: Pixels,
    wanted: CanonicalMap,
    region_psnr: Psnr,
    decode: Decode,
    ffmpeg: Callable[..., bytes],
) -> None:
    chain = HINT_FORMATS["ffmpeg-addroi"].export(wanted).data.decode()

    def best(filters: str) -> bytes:
        def coded(setting: int) -> bytes:
            crf = f"{51 - setting / 8:g}"
            options = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", crf, "-f", "h264")
            return ffmpeg(portrait, "-vf", filters, *options)

        return finest_within(coded, 51 * 8, SIZE, "libx264")[1]

    uniform, hinted = best("null"), best(chain)
    assert len(hinted) >= EQUAL * SIZE
    gain = region_psnr(portrait, decode(hinted)) - region_psnr(portrait, decode(uniform))
    assert gain >= GAIN


@pytest.mark.parametrize("name", ["jpeg", "webp", "jpeg-xl"])
def test_a_finer_advice_makes_a_better_picture(
    name: str,
    portrait: Pixels,
    wanted: CanonicalMap,
    region_psnr: Psnr,
    ffmpeg: Callable[..., bytes],
) -> None:
    def made(quality: int) -> tuple[int, float]:
        canonical = replace(
            wanted, jpeg=JpegAdvice(quality, "4:4:4", 1000, safe=True), profiles=packaged_profiles()
        )
        advice: dict[str, Any] = json.loads(HINT_FORMATS[name].export(canonical).data)
        if name == "jpeg-xl":
            distance = str(advice["distance"])
            data = ffmpeg(portrait, "-c:v", "libjxl", "-distance", distance, "-f", "image2pipe")
            return len(data), region_psnr(portrait, jpeg_xl(data).reshape(portrait.shape))
        buffer = io.BytesIO()
        Image.fromarray(portrait).save(
            buffer, name.upper(), quality=round(advice["quality"]), **subsampling(advice)
        )
        with Image.open(buffer) as opened:
            return len(buffer.getvalue()), region_psnr(portrait, np.array(opened.convert("RGB")))

    coarse, fine = made(30), made(80)
    assert fine[0] > coarse[0]
    assert fine[1] >= coarse[1] + GAIN


def subsampling(advice: dict[str, Any]) -> dict[str, str]:
    return {"subsampling": advice["subsampling"]} if "subsampling" in advice else {}


def jpeg_xl(data: bytes) -> Pixels:
    done = subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(),
            *("-loglevel", "error", "-f", "jpegxl_pipe", "-i", "-"),
            *("-f", "rawvideo", "-pix_fmt", "rgb24", "-"),
        ],
        input=data,
        capture_output=True,
        check=True,
        timeout=120,
    )
    return np.frombuffer(done.stdout, np.uint8)
