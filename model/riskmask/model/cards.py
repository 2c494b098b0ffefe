"""Model cards: what was trained, on what, by which command, and how it measures up."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from riskmask.model.codecs.base import Codec
from riskmask.model.corpus import CorpusImage
from riskmask.model.data.shards import read_rows
from riskmask.model.levels import ANCHORS

CUT = 768
JPEG_QUALITIES = (2, 5, 8, 12, 16, 20, 26, 33, 42, 52, 62, 72, 80, 86, 91, 95)


def psnr(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB over all channels of two (H, W, 3) uint8 images."""
    error = np.mean((original.astype(np.float64) - decoded) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-12)))


def rate_distortion(codec: Codec, images: Sequence[CorpusImage]) -> str:
    """Markdown table of the codec's real streams beside JPEG at the same bpp.

    JPEG's PSNR is interpolated over log bpp image by image; a level where fewer than half of the
    images can be written as JPEG that small has none.
    """
    own = np.zeros((len(images), ANCHORS, 2))
    jpeg = np.full((len(images), ANCHORS), np.nan)
    for row, image in enumerate(tqdm(images, desc="rate-distortion", unit="image")):
        with Image.open(image.path) as opened:
            pixels = np.array(opened.convert("RGB"))[:CUT, :CUT]
        area = pixels.shape[0] * pixels.shape[1]
        for level in range(ANCHORS):
            stream = codec.compress(pixels, level)
            decoded = codec.decompress(stream)
            own[row, level] = len(stream) * 8 / area, psnr(pixels, decoded)
        rates, qualities = zip(*(_jpeg(pixels, q) for q in JPEG_QUALITIES), strict=True)
        reached = np.interp(
            np.log(own[row, :, 0]), np.log(rates), qualities, left=np.nan, right=np.nan
        )
        jpeg[row] = reached
    lines = ["| level | bpp | PSNR, dB | JPEG at the same bpp, dB |", "|---|---|---|---|"]
    for level in range(ANCHORS):
        possible = ~np.isnan(jpeg[:, level])
        beside = "cannot be written"
        if possible.mean() >= 0.5:
            gain = float((own[possible, level, 1] - jpeg[possible, level]).mean())
            beside = f"{jpeg[possible, level].mean():.1f} (riskmask's {gain:+.1f})"
        bpp, quality = own[:, level].mean(axis=0)
        lines.append(f"| {level} | {bpp:.3f} | {quality:.1f} | {beside} |")
    return "\n".join(lines)


def _jpeg(pixels: NDArray[np.uint8], quality: int) -> tuple[float, float]:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, optimize=True)
    with Image.open(buffer) as opened:
        decoded = np.array(opened.convert("RGB"))
    return buffer.tell() * 8 / (pixels.shape[0] * pixels.shape[1]), psnr(pixels, decoded)


def sources_table(images: Iterable[CorpusImage]) -> str:
    """Markdown table of sources, licence classes and counts."""
    return _table(Counter((image.source, image.licence_class) for image in images))


def labelled_sources(folder: Path) -> str:
    """The same of a folder of labels, with the findings in each by all codecs."""
    counts: Counter[tuple[str, str]] = Counter()
    findings: Counter[tuple[str, str]] = Counter()
    seen: set[str] = set()
    for row in read_rows(folder, planes=False):
        if row.error is not None:
            continue
        group = (row.source, row.licence_class)
        counts[group] += row.key not in seen
        findings[group] += len(row.findings)
        seen.add(row.key)
    return _table(counts, findings)


def loss_table(log: Sequence[Mapping[str, float]], rows: int = 8) -> str:
    """Markdown table of a run's log at evenly spaced steps; every entry but the time."""
    names = [name for name in log[0] if name != "seconds"]
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for index in np.linspace(0, len(log) - 1, min(rows, len(log))).round().astype(int):
        lines.append("| " + " | ".join(f"{log[index][name]:g}" for name in names) + " |")
    return "\n".join(lines)


def _table(
    counts: Counter[tuple[str, str]], findings: Counter[tuple[str, str]] | None = None
) -> str:
    lines = ["| source | licence class | images |" + (" findings |" if findings else "")]
    lines.append("|---|---|---|" + ("---|" if findings else ""))
    for (source, licence), count in sorted(counts.items()):
        line = f"| {source} | {licence} | {count} |"
        lines.append(line + (f" {findings[source, licence]} |" if findings else ""))
    return "\n".join(lines)
