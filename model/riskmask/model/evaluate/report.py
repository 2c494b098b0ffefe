"""The evaluation as one Markdown page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from riskmask.model.evaluate.precision import Row
from riskmask.model.evaluate.rates import RateErrors


@dataclass(frozen=True)
class Report:
    """Everything the page says."""

    detector: str
    codec: str
    pictures: Mapping[str, int]
    rows: Mapping[str, Sequence[Row]]
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
        "A level is contested where 20 to 60% of the judged regions change. Average precision (AP)",
        "of the risk map against the annotators' verdict: over all pixels of which the verdict is",
        "known, and over judged regions, each scored by the 95th percentile of the map inside.",
        "The interval is the 95% bootstrap over images of riskmask's pixel AP minus the best",
        "baseline's.",
    ]
    for name, rows in report.rows.items():
        lines += ["", f"## {name.capitalize()} ({report.pictures[name]} pictures)", ""]
        lines += _table(rows)
    lines += ["", "## Predicted rate", ""]
    lines += [
        f"Relative error of the predicted bpp of {len(report.rates.errors)} whole pictures against",
        f"the size of real streams: median {report.rates.median:.1%} over all levels.",
        "",
        "| level | median | 90th percentile |",
        "|---|---|---|",
    ]
    for column, level in enumerate(report.rates.levels):
        errors = report.rates.errors[:, column]
        lines.append(f"| {level} | {np.median(errors):.1%} | {np.percentile(errors, 90):.1%} |")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _table(rows: Sequence[Row]) -> list[str]:
    methods = list(rows[0].pixel)
    heads = ["level", "regions", "changed", "contested"]
    heads += [f"pixel AP, {m}" for m in methods] + ["difference"]
    heads += [f"region AP, {m}" for m in methods]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in rows:
        low, high = row.interval
        cells = [str(row.level), str(row.regions), f"{row.changed:.0%}"]
        cells.append("yes" if row.contested else "")
        cells += [_figure(row.pixel[m]) for m in methods]
        cells.append("" if np.isnan(low) else f"{low:+.3f} to {high:+.3f}")
        cells += [_figure(row.region[m]) for m in methods]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _figure(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}"
