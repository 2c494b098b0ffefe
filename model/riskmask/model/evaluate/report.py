"""The evaluation as one Markdown page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from riskmask.model.evaluate.groups import FEWEST, Group
from riskmask.model.evaluate.precision import Row
from riskmask.model.evaluate.rates import RateErrors
from riskmask.model.evaluate.safety import Figure

_METHOD = [
    "A level is contested where 20 to 60% of the judged regions change. Average precision (AP) of",
    "the map against the annotators' verdict: over all pixels of which the verdict is known; over",
    "blocks of 16 and 64 pixels, each with the largest value inside, as encoders see it; and over",
    "judged regions, each scored by the 95th percentile of the map inside. Differences are",
    "riskmask's AP minus the best baseline's, as 95% bootstrap intervals over images (200",
    "resamples).",
    "",
    "Recall: the changed regions that are found when all that is flagged is at most twice the",
    f"changed area (widened by 8 pixels). A figure on fewer than {FEWEST} regions is in brackets.",
]


@dataclass(frozen=True)
class Report:
    """Everything the page says."""

    detector: str
    codec: str
    groups: Sequence[Group]
    rates: RateErrors


def write_markdown(report: Report, out: Path) -> None:
    """Write the page."""
    lines = [
        "# Evaluation",
        "",
        "Made by `python -m riskmask.model.evaluate` on sources, icon families and typefaces that",
        "training never saw.",
        "",
        f"Detector: {report.detector}. Codec: {report.codec}.",
        "",
        *_METHOD,
    ]
    for group in report.groups:
        lines += ["", f"## {group.name.capitalize()} ({group.pictures} pictures)"]
        lines += ["", "Average precision over pixels:", ""]
        lines += _table(group.rows, [(r.pixel, r.interval) for r in group.rows])
        lines += ["", "Average precision over judged regions:", ""]
        lines += _table(group.rows, [(r.region, r.region_interval) for r in group.rows])
        for side in group.rows[0].blocks or ():
            lines += ["", f"Average precision over blocks of {side}x{side}:", ""]
            lines += _table(group.rows, [((r.blocks or {})[side], None) for r in group.rows])
        if group.parts:
            lines += ["", "Contested levels, by content and size (`small`: under 0.4% of the", ""]
            lines[-2] += " picture): region AP and recall:"
            lines += _parts(group)
        lines += ["", *_safety(group)]
    lines += ["", "## Predicted rate", "", *_rates(report.rates)]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _table(
    rows: Sequence[Row],
    figures: Sequence[tuple[Mapping[str, float], tuple[float, float] | None]],
) -> list[str]:
    methods = list(figures[0][0])
    heads = ["level", "regions", "changed", "contested", *methods]
    heads += ["difference"] if figures[0][1] else []
    lines = _head(heads)
    for row, (precision, interval) in zip(rows, figures, strict=True):
        cells = [str(row.level), str(row.regions), f"{row.changed:.0%}"]
        cells.append("yes" if row.contested else "")
        cells += [_figure(precision[m]) for m in methods]
        cells += [_difference(interval)] if interval else []
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _parts(group: Group) -> list[str]:
    methods = list(group.parts[0].precision)
    heads = ["level", "regions", "of them changed"]
    heads += [f"AP, {m}" for m in methods] + ["difference"] + [f"recall, {m}" for m in methods]
    lines = _head(heads)
    for part in group.parts:
        few = part.regions < FEWEST
        cells = [str(part.level), f"{part.name} ({part.regions})", str(part.changed)]
        cells += [_bracketed(_figure(part.precision[m]), few) for m in methods]
        cells.append(_difference(part.interval))
        cells += [_bracketed(_figure(part.recall[m].value), few) for m in methods]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _safety(group: Group) -> list[str]:
    safety = group.safety
    return [
        f"Risk of regions at all levels ({safety.regions} regions): Spearman of predicted and true",
        f"safe level {_with_interval(safety.rank)}, expected calibration error",
        f"{_with_interval(safety.calibration)}, Brier skill {_with_interval(safety.skill)}.",
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


def _figure(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}"


def _bracketed(text: str, few: bool) -> str:
    return f"({text})" if few and text else text


def _difference(interval: tuple[float, float]) -> str:
    low, high = interval
    return "" if np.isnan(low) else f"{low:+.3f} to {high:+.3f}"


def _with_interval(figure: Figure) -> str:
    if np.isnan(figure.value):
        return "not defined"
    low, high = figure.interval
    return f"{figure.value:.3f} ({low:.3f} to {high:.3f})"
