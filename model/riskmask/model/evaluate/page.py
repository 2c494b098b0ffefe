"""The evaluation as an HTML page: curves, reliability, and a gallery of the worst mistakes.

The gallery shows the pictures that were evaluated: mind their licences before you publish it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from riskmask.model.data.training_set import Example
from riskmask.model.evaluate.curves import precision_recall_svg, reliability_svg
from riskmask.model.evaluate.gallery import Exhibit, Mistake, worst_mistakes
from riskmask.model.evaluate.groups import Group
from riskmask.model.evaluate.judged import Scores, region_table
from riskmask.model.evaluate.precision import Row, own_and_best
from riskmask.model.evaluate.report import Report
from riskmask.model.pages import render_page
from riskmask.model.runtime.safe_text_height import SafeTextHeight
from riskmask.model.whole_file import write_whole

EXHIBITS = 8  # of each sort


@dataclass(frozen=True)
class Section:
    """What the page shows of one group of pictures.

    Attributes:
        codec: whose verdicts these are.
        group: its figures.
        rows: cells of the table, a row per level at which something changed.
        curves: SVG of precision and recall at each contested level.
        reliability: SVG.
        galleries: a title and its exhibits.
    """

    codec: str
    group: Group
    rows: Sequence[Mapping[str, str]]
    curves: Sequence[str]
    reliability: str
    galleries: Sequence[tuple[str, Sequence[Exhibit]]]


def make_section(
    codec: str,
    group: Group,
    examples: Sequence[Example],
    scores: Mapping[str, Sequence[Scores]],
    safe: SafeTextHeight | None = None,
) -> Section:
    """Draw what belongs to a measured group; the first method is the one in question.

    Args:
        codec: whose verdicts the group has.
        group: its figures.
        examples: labelled pictures.
        scores: by method, for each picture a map per level or one for all.
        safe: what the codec's profile knows of text, for the gallery.
    """
    table = region_table(examples, scores)
    first = next(iter(scores))
    contested = [row.level for row in group.rows if row.contested]
    galleries: list[tuple[str, Sequence[Exhibit]]] = []
    for level in contested[:1]:
        maps = scores[first]
        sorts: tuple[tuple[str, Mistake], ...] = (
            ("Missed", "missed"),
            ("False alarms", "false alarm"),
        )
        galleries = [
            (
                f"{title} at level {level}",
                worst_mistakes(examples, maps, level, mistake, EXHIBITS, safe),
            )
            for title, mistake in sorts
        ]
    return Section(
        codec,
        group,
        [_cells(row) for row in group.rows if row.changed],
        [precision_recall_svg(table, level) for level in contested],
        reliability_svg(table, first),
        galleries,
    )


def write_page(report: Report, sections: Sequence[Section], out: Path) -> None:
    """Write the page; everything it shows is inside the one file."""
    text = render_page("riskmask.model.evaluate", report=report, sections=sections)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, text)


def _cells(row: Row) -> dict[str, str]:
    own, method, best = own_and_best(row.region)
    low, high = row.region_interval
    return {
        "level": str(row.level),
        "regions": str(row.regions),
        "changed": f"{row.changed:.0%}",
        "own": f"{own:.3f}",
        "best": "" if method is None else f"{best:.3f}",
        "interval": "" if np.isnan(low) else f"{low:+.3f} to {high:+.3f}",
    }
