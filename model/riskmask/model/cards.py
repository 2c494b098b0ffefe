"""Model cards: what was trained, on what, by which command, and how it measures up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from riskmask.model.corpus import CorpusImage
from riskmask.model.data.pictures import is_for_calibration
from riskmask.model.data.shards import read_rows

CUT = 768


def psnr(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB over all channels of two (H, W, 3) uint8 images."""
    error = np.mean((original.astype(np.float64) - decoded) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-12)))


def sources_table(images: Iterable[CorpusImage]) -> str:
    """Markdown table of sources, licence classes and counts."""
    return _table(Counter((image.source, image.licence_class) for image in images))


def labelled_sources(folders: Iterable[Path], *, trained: bool = False) -> str:
    """The same of folders of labels, with the findings in each by all codecs.

    A picture in two folders counts in the first.

    Args:
        folders: of labels.
        trained: count only what is not kept out of training.
    """
    counts: Counter[tuple[str, str]] = Counter()
    findings: Counter[tuple[str, str]] = Counter()
    before: set[str] = set()
    for folder in folders:
        seen: set[str] = set()
        for row in read_rows(folder, planes=False):
            if row.error is not None or row.key in before:
                continue
            if trained and is_for_calibration(row.key, row.source):
                continue
            group = (row.source, row.licence_class)
            counts[group] += row.key not in seen
            findings[group] += len(row.findings)
            seen.add(row.key)
        before |= seen
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
