"""The run as one Markdown page, and every figure as CSV beside it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isnan
from pathlib import Path

import numpy as np

from riskmask.model.whole_file import write_whole
from riskmask.server.decision_bench.cohort import Cohort, Mask, Share
from riskmask.server.decision_bench.figures import Figure, Measured, Predicted, Swept
from riskmask.server.engine.values import Decision

COLUMNS = ("table", "figure", "at", "value", "low", "high", "base", "pictures", "wanted")
BANDS = (0.0, 0.125, 0.25, 0.5, 1.0, np.inf)

INTRODUCTION = """\
# Whether the decisions are true

Made by `{command}`.
{facts} Every figure: [{csv}]({csv}).

Each of the {pictures} pictures{where} is asked about with each codec at the real rates of its
eight levels, {answers} answers in all, and each answer is held against what becomes of the picture
when it is really coded so.

- An error: a known region of text or a symbol that became another one (high impact), or a face that
  changed, by the annotators that made the labels. Regions that nobody can judge do not count: the
  {unjudged} pictures without a judged region cannot show an error, so figures about errors that
  include them flatter.
- Uniform coding: the verdicts are those of the labels, made at these levels. A region counts as
  wrong at the finest level at which it becomes another one (`grave_level`) and at every coarser
  one, illegible or not. A change counts where the next coarser level changes the region too.
- Files that are coded anew, with hints or at the safe rate, are judged in the same way, the coarser
  file being one of the bytes of a level less: a region is in error that becomes another one, or
  that changes and is wrong by the labels at some level.
- A JPEG is in error where a region becomes another one in it, the coarser file being one of the
  quality of a level less; the advised one also where the search for the smallest safe JPEG finds an
  error at its quality or a finer one.
- Hints are obeyed by `hyperprior` alone, coded at the bytes of uniform coding. They cost bytes of
  their own: where there is no such file, an `ENCODE_WITH_HINTS` is not kept, and a `FALLBACK_JPEG`
  is left out of its bar. Of other codecs' `FALLBACK_JPEG` only uniform coding is judged.
- The smallest safe JPEG has the same subsampling as the advised one: from the finest quality down
  to the first error that a coarser quality confirms, and between those two likewise. Sizes are of
  Pillow's files with optimised tables.
- `ENCODE` needs both: no region that reaches the policy's threshold, and a probability of an error
  under the policy's limit. With a limit of 1 the regions alone decide.
- In brackets: 95% bootstrap intervals over pictures (1,000 resamples), since answers about one
  picture at several rates, and by several codecs, are not independent. Where all or none of a few
  answers agree, an interval of no width says nothing.
"""


@dataclass(frozen=True)
class Made:
    """What the page says of its making.

    Attributes:
        command: that made it.
        facts: versions and settings, in sentences.
        calibration: whether the pictures are the training side's.
    """

    command: str
    facts: Sequence[str]
    calibration: bool


def write_page(made: Made, measured: Measured, out: Path) -> None:
    """Write both files whole or not at all."""
    figures = out.with_suffix(".csv")
    cohort = measured.cohort
    pictures = set(cohort.picture.tolist())
    judged = set(cohort.picture[cohort.judged].tolist())
    side = " of the training side that are kept out of training" if made.calibration else ""
    introduction = INTRODUCTION.format(
        command=made.command,
        facts=" ".join(made.facts),
        csv=figures.name,
        pictures=len(pictures),
        where=side or " of the held-out side",
        answers=len(cohort.answers),
        unjudged=len(pictures - judged),
    )
    predicted, limits = _predictions(measured.predicted), _sweep(measured.sweep)
    lines = [
        *introduction.splitlines(),
        *_section("What it has to reach", BAR_HEADS, map(_bar, measured.bars)),
        *_section("By decision", CONFUSION_HEADS, _confusion(cohort)),
        *_section("By rate asked for, with judged regions", BAND_HEADS, _bands(cohort)),
        *_section("Further figures", HEADS, map(_further, measured.further)),
        *_section("By the predicted probability of an error", PREDICTED_HEADS, predicted),
        *_section("Other limits on that probability", SWEEP_HEADS, limits),
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, "\n".join(lines) + "\n")
    write_whole(figures, _csv(measured))


HEADS = ("figure", "measured", "of", "pictures")
BAR_HEADS = ("figure", "wanted", "measured", "of", "pictures", "")
CONFUSION_HEADS = ("decision", "an error", "no error", "nobody can judge")
BAND_HEADS = ("bpp", *(decision.value for decision in Decision), "ENCODE with an error")
PREDICTED_HEADS = ("predicted", "mean", "with an error", "of, with judged regions", "pictures")
SWEEP_HEADS = ("limit", "answers ENCODE", "with an error", "safe cases that get ENCODE")


def _bar(figure: Figure) -> list[str]:
    verdict = {True: "met", False: "**missed**", None: "too few"}[figure.met]
    share = figure.share
    return [
        figure.name,
        figure.wanted,
        _told(share),
        str(share.count),
        str(share.pictures),
        verdict,
    ]


def _further(figure: Figure) -> list[str]:
    share = figure.share
    return [figure.name, _told(share), str(share.count), str(share.pictures)]


def _predictions(predicted: Sequence[Predicted]) -> Iterator[list[str]]:
    for band in predicted:
        error, mean = band.error, "" if isnan(band.mean) else f"{band.mean:.3f}"
        base = [str(error.count), str(error.pictures)]
        yield [f"{band.low:g} to {band.high:g}", mean, _told(error), *base]


def _sweep(sweep: Sequence[Swept]) -> Iterator[list[str]]:
    for swept in sweep:
        found = [_told(swept.error), _told(swept.kept)]
        yield [f"{swept.limit:g}", str(swept.error.count), *found]


def _confusion(cohort: Cohort) -> Iterator[list[str]]:
    for decision in Decision:
        own = cohort.decided(decision.value)
        parts = (own & cohort.error, own & cohort.judged & ~cohort.error, own & ~cohort.judged)
        yield [decision.value, *(str(int(part.sum())) for part in parts)]


def _bands(cohort: Cohort) -> Iterator[list[str]]:
    bpp = np.array([answer.asked_bpp for answer in cohort.answers])
    for low, high in pairwise(BANDS):
        own: Mask = (bpp >= low) & (bpp < high) & cohort.judged
        counts = [int((own & cohort.decided(d.value)).sum()) for d in Decision]
        wrong = int((own & cohort.decided(Decision.ENCODE.value) & cohort.error).sum())
        yield [_band(low, high), *map(str, counts), str(wrong)]


def _band(low: float, high: float) -> str:
    if low == 0:
        return f"under {high:g}"
    return f"{low:g} and more" if np.isinf(high) else f"{low:g} to {high:g}"


def _told(share: Share) -> str:
    if isnan(share.value):
        return ""
    low, high = share.interval
    return f"{share.value:.3f} ({low:.3f} to {high:.3f})"


def _section(
    title: str, heads: Sequence[str], rows: Iterator[list[str]] | map[list[str]]
) -> list[str]:
    return ["", f"## {title}", "", _line(heads), "|" + "---|" * len(heads), *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _csv(measured: Measured) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for table, figures in (("bar", measured.bars), ("further", measured.further)):
        for figure in figures:
            writer.writerow([table, figure.name, "", *_cells(figure.share), figure.wanted])
    for band in measured.predicted:
        name = f"an error, predicted over {band.low:g} to"
        writer.writerow(["predicted", name, f"{band.high:g}", *_cells(band.error), ""])
    for swept in measured.sweep:
        at = f"{swept.limit:g}"
        writer.writerow(["limit", "ENCODE, an error", at, *_cells(swept.error), ""])
        writer.writerow(["limit", "safe, gets ENCODE", at, *_cells(swept.kept), ""])
    return stream.getvalue()


def _cells(share: Share) -> list[str]:
    numbers = ["" if isnan(n) else f"{n:.4f}" for n in (share.value, *share.interval)]
    return [*numbers, str(share.count), str(share.pictures)]
