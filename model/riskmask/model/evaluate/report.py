"""The evaluation as one Markdown page, and every figure behind it as CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from riskmask.model.evaluate.bars import Bar, held_against
from riskmask.model.evaluate.groups import FEWEST, Group, Part
from riskmask.model.evaluate.precision import Row, own_and_best
from riskmask.model.evaluate.rates import RateErrors
from riskmask.model.evaluate.safety import Figure
from riskmask.model.whole_file import write_whole

_METHOD = [
    "A level is contested where 20 to 60% of the judged regions change. Average precision (AP) of",
    "the map against the annotators' verdict: over all pixels of which the verdict is known; over",
    "blocks of 16 and 64 pixels, each with the largest value inside, as encoders see it; and over",
    "judged regions, each scored by the 95th percentile of the map inside. In brackets: 95%",
    "bootstrap intervals over images (200 resamples); those of a difference are paired.",
    "",
    "Recall: the changed regions that are found when all that is flagged is at most twice the",
    "changed area (widened by 8 pixels); how many are changed stands beside it. Where fewer than",
    f"{FEWEST} regions of a sort were judged, figures about it are in brackets, and are not held",
    "against a bar.",
    "",
    "Brier skill is told against the share of changed regions over all levels, which a forecast",
    "that knows nothing but the level beats already, and against the share at each level.",
    "",
    "The best baseline is the best of edge energy, local entropy, spectral-residual saliency, a",
    "text detector (RapidOCR's DBNet), the same with a face detector (YuNet), those two with text",
    "weighted by its height, and a constant; of each figure anew, on the pictures that it is",
    "measured on.",
]


@dataclass(frozen=True)
class CodecReport:
    """What was measured for one codec.

    Attributes:
        codec: its name.
        profile: version of its profile, and what that was fitted on.
        every: all of its pictures with judged regions, which the bars are about.
        groups: the same by sort.
        rates: of whole images; None where no streams were written.
    """

    codec: str
    profile: str
    every: Group
    groups: Sequence[Group]
    rates: RateErrors | None


@dataclass(frozen=True)
class Report:
    """Everything the page says: its title, the detector, a part for each codec, and sentences."""

    title: str
    detector: str
    codecs: Sequence[CodecReport]
    notes: Sequence[str] = ()


def write_markdown(report: Report, out: Path, figures: str) -> None:
    """Write the page.

    Args:
        report: measured.
        out: of the page.
        figures: name of the file beside it that has every figure.
    """
    lines = [
        f"# {report.title}",
        "",
        "Made by `python -m riskmask.model.evaluate` on sources, icon families and files of",
        f"typefaces that training never saw. Detector: {report.detector}. "
        "Every method's figures are in",
        f"[{figures}]({figures}).",
        "",
        *[line for note in report.notes for line in (note, "")],
        *_METHOD,
        "",
        "## What it has to reach",
        "",
        *_bars(report),
    ]
    for part in report.codecs:
        lines += ["", f"## {part.codec}", "", f"Profile: {part.profile}."]
        for group in part.groups:
            lines += ["", f"### {group.name.capitalize()} ({group.pictures} pictures)", ""]
            lines += _levels(group.rows)
            if group.parts:
                lines += ["", "Contested levels, by content and size (`small`: under 0.4% of the"]
                lines += ["picture):", "", *_parts(group.parts)]
            lines += ["", *_safety(group)]
        if part.rates is not None:
            lines += ["", "### Predicted rate", "", *_rates(part.rates)]
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, "\n".join(lines) + "\n")


def _bars(report: Report) -> list[str]:
    lines = []
    for part in report.codecs:
        every = part.every
        regions = every.safety.regions
        lines += [f"{part.codec}, all {every.pictures} pictures, {regions} judged regions:", ""]
        lines += _head(["figure", "wanted", "measured", ""])
        for bar in held_against(every, part.rates):
            lines.append(
                f"| {bar.name} | {bar.wanted} | {_with_interval(Figure(bar.value, bar.interval))} "
                f"| {_outcome(bar)} |"
            )
        lines.append("")
    return lines[:-1]


def _outcome(bar: Bar) -> str:
    if bar.met is None:
        return "too few regions"
    return "met" if bar.met else "**missed**"


def _levels(rows: Sequence[Row]) -> list[str]:
    heads = ["level", "regions", "changed", "contested"]
    heads += ["region AP", "best baseline", "difference", "pixel AP", "best baseline", "difference"]
    sides = list(rows[0].blocks or ())
    for side in sides:
        heads += [f"AP of {side}x{side}", "best baseline"]
    lines = _head(heads)
    for row in rows:
        if not row.changed:
            continue
        cells = [str(row.level), str(row.regions), f"{row.changed:.0%}"]
        cells.append("yes" if row.contested else "")
        cells += [*_cells(row.region), _interval(row.region_interval)]
        cells += [*_cells(row.pixel), _interval(row.interval)]
        for side in sides:
            cells += _cells((row.blocks or {})[side])
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _parts(parts: Sequence[Part]) -> list[str]:
    heads = ["level", "regions", "of them changed", "region AP", "best baseline", "difference"]
    lines = _head([*heads, "recall", "best baseline"])
    for part in parts:
        own, *others = part.recall.values()
        best = max(others, key=lambda figure: figure.value) if others else None
        cells = [str(part.level), f"{part.name} ({part.regions})", str(part.changed)]
        few = part.regions < FEWEST
        cells += [_bracketed(cell, few) for cell in _cells(part.precision)]
        cells.append(_interval(part.interval))
        cells.append(_bracketed(_with_interval(own), few))
        cells.append("" if best is None else _bracketed(f"{best.value:.3f}", few))
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _safety(group: Group) -> list[str]:
    safety = group.safety
    return [
        f"Risk of regions at all levels ({safety.regions} regions): Spearman of predicted and true",
        f"safe level {_with_interval(safety.rank)}, expected calibration error",
        f"{_with_interval(safety.calibration)}, Brier skill {_with_interval(safety.skill)}, "
        f"against the share at each level {_with_interval(safety.level_skill)}.",
    ]


def _rates(rates: RateErrors) -> list[str]:
    lines = [
        f"Relative error of the predicted bpp of {len(rates.errors)} whole pictures against",
        f"the size of real streams: median {rates.median:.1%} over all levels.",
        "",
        *_head(["level", "median", "90th percentile"]),
    ]
    for column, level in enumerate(rates.levels):
        errors = rates.errors[:, column]
        lines.append(f"| {level} | {np.median(errors):.1%} | {np.percentile(errors, 90):.1%} |")
    return lines


def _head(heads: Sequence[str]) -> list[str]:
    return ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]


def _cells(precision: Mapping[str, float]) -> list[str]:
    """The first method's figure, and the best other's with its name."""
    own, method, best = own_and_best(precision)
    return [_figure(own), "" if method is None else f"{_figure(best)} ({method})"]


def _figure(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}"


def _bracketed(text: str, few: bool) -> str:
    return f"({text})" if few and text else text


def _interval(interval: tuple[float, float]) -> str:
    low, high = interval
    return "" if np.isnan(low) else f"{low:+.3f} to {high:+.3f}"


def _with_interval(figure: Figure) -> str:
    if np.isnan(figure.value):
        return "not defined"
    low, high = figure.interval
    told = "" if np.isnan(low) else f" ({low:.3f} to {high:.3f})"
    return f"{figure.value:.3f}{told}"
