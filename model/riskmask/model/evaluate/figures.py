"""Every figure of an evaluation as one CSV, a line each."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from riskmask.model.evaluate.groups import Group
from riskmask.model.evaluate.precision import own_and_best
from riskmask.model.evaluate.report import Report
from riskmask.model.whole_file import write_whole

COLUMNS = ("codec", "pictures", "level", "regions", "figure", "method", "value", "low", "high")


def write_csv(report: Report, out: Path) -> None:
    """Write ``codec, pictures, level, regions, figure, method, value, low, high``.

    ``level`` is empty where a figure is over all levels; ``low`` and ``high`` are the 95% bootstrap
    interval, empty where there is none.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for part in report.codecs:
        for group in (part.every, *part.groups):
            for line in _lines(group):
                *before, value, low, high = line
                numbers = ["" if np.isnan(each) else f"{each:.4f}" for each in (value, low, high)]
                if numbers[0]:
                    writer.writerow([part.codec, group.name, *before, *numbers])
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, stream.getvalue())


def _lines(group: Group) -> Iterator[tuple[object, object, str, str, float, float, float]]:
    none = float("nan")
    for row in group.rows:
        at = row.level, row.regions
        yield *at, "share changed", "", row.changed, none, none
        precisions = {"pixel AP": row.pixel, "region AP": row.region}
        for side, blocks in (row.blocks or {}).items():
            precisions[f"AP of {side}x{side}"] = blocks
        for name, precision in precisions.items():
            for method, value in precision.items():
                yield *at, name, method, value, none, none
        for name, interval in (
            ("pixel AP above the best baseline", row.interval),
            ("region AP above the best baseline", row.region_interval),
        ):
            first = next(iter(row.pixel))
            values = row.pixel if name.startswith("pixel") else row.region
            own, _, best = own_and_best(values)
            yield *at, name, first, own - best, *interval
    for part in group.parts:
        at = part.level, part.regions
        for method, value in part.precision.items():
            yield *at, f"region AP of {part.name}", method, value, none, none
        for method, figure in part.recall.items():
            yield (
                *(part.level, part.changed, f"recall of {part.name}", method),
                *(figure.value, *figure.interval),
            )
    safety = group.safety
    first = next(iter(group.rows[0].pixel))
    for name, figure in (
        ("Spearman of safe level", safety.rank),
        ("expected calibration error", safety.calibration),
        ("Brier skill", safety.skill),
        ("Brier skill at each level", safety.level_skill),
    ):
        yield "", safety.regions, name, first, figure.value, *figure.interval
