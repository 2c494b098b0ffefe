"""What a codec's card reports: rate, distortion and kept high frequencies, of real streams."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn  # type: ignore[import-untyped]
from tqdm import tqdm

from riskmask.model.cards import psnr
from riskmask.model.codecs.base import Codec
from riskmask.model.levels import ANCHORS

Pixels = NDArray[np.uint8]

HIGH = 0.5  # of the highest frequency that pixels can hold: the upper octave
JPEG_QUALITIES = (2, 5, 8, 12, 16, 20, 26, 33, 42, 52, 62, 72, 80, 86, 91, 95)
# The test "generative or not".
LOW_RATE = 0.2
KEPT = 0.75
REFERENCE_KEPT = 0.5
WORTH_DB = 4.0


@dataclass(frozen=True)
class Operating:
    """A codec and the reference at one level, over the same photographs.

    Rates and PSNR are means. The kept energies are medians: where a photograph has next to no high
    frequencies, a little noise is many times what it had, and a mean would take that for detail.

    Attributes:
        bpp: of the codec's real streams.
        quality: PSNR in dB.
        kept: share of the original's high-frequency energy in the reconstruction; 1 is all.
        reference_quality, reference_kept: the reference's at the codec's bpp, interpolated over
            log bpp picture by picture (its ends where the codec's rate is beyond them).
        jpeg_quality: JPEG's PSNR in dB at the codec's bpp, likewise, over the photographs that can
            be written as JPEG that small; None where that is fewer than half of them.
        jpeg_gain: by how many dB the codec is ahead of JPEG on those.
    """

    bpp: float
    quality: float
    kept: float
    reference_quality: float
    reference_kept: float
    jpeg_quality: float | None = None
    jpeg_gain: float | None = None


def high_frequency_energy(image: Pixels) -> float:
    """Energy of an image's luma in the upper octave of frequencies, (H, W, 3) uint8 RGB."""
    luma = image.astype(np.float64) @ (0.299, 0.587, 0.114)
    spectrum = dctn(luma, norm="ortho")
    rows, columns = (np.arange(size) / size for size in luma.shape)
    high = np.hypot(rows[:, None], columns[None, :]) >= HIGH
    return float(np.square(spectrum[high]).sum())


def measure(codec: Codec, reference: Codec, photographs: Sequence[Pixels]) -> list[Operating]:
    """Both codecs at the eight anchor levels, by real streams, and JPEG beside them."""
    figures = np.zeros((2, len(photographs), ANCHORS, 3))
    jpeg = np.full((len(photographs), ANCHORS), np.nan)
    for number, image in enumerate(tqdm(photographs, desc="measuring", unit="image")):
        figures[0, number] = _operate(codec, image)
        same = codec.identity == reference.identity
        figures[1, number] = figures[0, number] if same else _operate(reference, image)
        rates, qualities = zip(*(_jpeg(image, q) for q in JPEG_QUALITIES), strict=True)
        at = np.log(figures[0, number, :, 0])
        jpeg[number] = np.interp(at, np.log(rates), qualities, left=np.nan, right=np.nan)
    own, other = figures
    beside = np.zeros((len(photographs), ANCHORS, 2))
    for number in range(len(photographs)):
        rates = np.log(other[number, :, 0])
        for figure in (1, 2):
            at = np.interp(np.log(own[number, :, 0]), rates, other[number, :, figure])
            beside[number, :, figure - 1] = at
    return [
        Operating(
            bpp=float(own[:, level, 0].mean()),
            quality=float(own[:, level, 1].mean()),
            kept=float(np.median(own[:, level, 2])),
            reference_quality=float(beside[:, level, 0].mean()),
            reference_kept=float(np.median(beside[:, level, 1])),
            **_beside_jpeg(own[:, level, 1], jpeg[:, level]),
        )
        for level in range(ANCHORS)
    ]


def _operate(codec: Codec, image: Pixels) -> NDArray[np.float64]:
    """(8, 3): bpp, PSNR and kept high frequencies at each level."""
    original = max(high_frequency_energy(image), 1e-9)
    figures = []
    for level in range(ANCHORS):
        stream = codec.compress(image, level)
        decoded = codec.decompress(stream)
        bpp = 8 * len(stream) / (image.shape[0] * image.shape[1])
        figures.append((bpp, psnr(image, decoded), high_frequency_energy(decoded) / original))
    return np.array(figures)


def _jpeg(image: Pixels, quality: int) -> tuple[float, float]:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, optimize=True)
    with Image.open(buffer) as opened:
        decoded = np.array(opened.convert("RGB"))
    return 8 * buffer.tell() / (image.shape[0] * image.shape[1]), psnr(image, decoded)


def _beside_jpeg(own: NDArray[np.float64], jpeg: NDArray[np.float64]) -> dict[str, float | None]:
    possible = ~np.isnan(jpeg)
    if possible.mean() < 0.5:
        return {"jpeg_quality": None, "jpeg_gain": None}
    return {
        "jpeg_quality": float(jpeg[possible].mean()),
        "jpeg_gain": float((own - jpeg)[possible].mean()),
    }


def is_generative(points: Sequence[Operating]) -> bool:
    """Whether a codec makes detail up where the reference loses it.

    At every level of at most 0.2 bpp where the reference keeps at most half of the high-frequency
    energy at the same bpp, and there must be one, it keeps three quarters for at most 4 dB.
    """
    telling = [p for p in points if p.bpp <= LOW_RATE and p.reference_kept <= REFERENCE_KEPT]
    return bool(telling) and all(
        p.kept >= KEPT and p.reference_quality - p.quality <= WORTH_DB for p in telling
    )


def rate_table(points: Sequence[Operating]) -> str:
    """Markdown table of rate and distortion beside JPEG's."""
    lines = ["| level | bpp | PSNR, dB | JPEG at the same bpp, dB |", "|---|---|---|---|"]
    for level, p in enumerate(points):
        beside = "cannot be written"
        if p.jpeg_quality is not None and p.jpeg_gain is not None:
            beside = f"{p.jpeg_quality:.1f} (riskmask's {p.jpeg_gain:+.1f})"
        lines.append(f"| {level} | {p.bpp:.3f} | {p.quality:.1f} | {beside} |")
    return "\n".join(lines)


def frequency_table(points: Sequence[Operating]) -> str:
    """Markdown table of the kept high-frequency energy beside the reference's."""
    lines = [
        "| level | bpp | kept | the hyperprior keeps | PSNR, dB | the hyperprior's, dB |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {level} | {p.bpp:.3f} | {p.kept:.0%} | {p.reference_kept:.0%} | {p.quality:.1f} "
        f"| {p.reference_quality:.1f} |"
        for level, p in enumerate(points)
    ]
    return "\n".join(lines)


def verdict(points: Sequence[Operating]) -> str:
    """One sentence for the card."""
    said = "**generative**" if is_generative(points) else "**not generative**"
    return (
        f"Generative or not: {said}. The test: at every level of at most {LOW_RATE} bpp where the "
        f"hyperprior keeps at most {REFERENCE_KEPT:.0%} of the high-frequency energy at equal "
        f"bpp, this codec keeps at least {KEPT:.0%}, for at most {WORTH_DB:g} dB of PSNR."
    )
