"""The run as an HTML page: words lost against the size, and pairs to look at.

It shows the pictures that were coded: mind their licences before you publish it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from riskmask.model.pages import drawing_axes, render_page, svg
from riskmask.model.whole_file import write_whole
from riskmask.server.closed_loop.figures import Case
from riskmask.server.closed_loop.maps import METHODS
from riskmask.server.closed_loop.pairs import Pair
from riskmask.server.closed_loop.table import Made

COLOURS = dict(zip(METHODS, ("0.5", "#a020f0", "#1f77b4", "#ff7f0e"), strict=True))


@dataclass(frozen=True)
class Section:
    """One target.

    Attributes:
        target: which.
        words: drawing as SVG: share of the words lost by method against the relative size.
        moved: drawing as SVG: dB gained in known regions against dB gained in the rest.
        pairs: to look at.
    """

    target: str
    words: str
    moved: str
    pairs: Sequence[Pair]


def make_sections(cases: Sequence[Case], pairs: Sequence[Pair]) -> list[Section]:
    """A section for each target, in the order of the cases."""
    sections = []
    for target in dict.fromkeys(case.target for case in cases):
        own = sorted((c for c in cases if c.target == target), key=lambda case: case.factor)
        shown = [pair for pair in pairs if pair.target == target]
        sections.append(Section(target, _words(own), _moved(own), shown))
    return sections


def write_page(made: Made, sections: Sequence[Section], out: Path) -> None:
    """Write the page; everything it shows is inside the one file."""
    text = render_page("riskmask.server.closed_loop", made=made, sections=sections)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, text)


def _words(cases: Sequence[Case]) -> str:
    drawing, axes = drawing_axes("size, of the one with 30% lost", "words lost, %")
    for index, method in enumerate(METHODS):
        lost = [100 * case.outcomes[index].words_lost for case in cases]
        factors = [case.factor for case in cases]
        axes.plot(factors, lost, marker="o", color=COLOURS[method], label=method)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return svg(drawing)


def _moved(cases: Sequence[Case]) -> str:
    drawing, axes = drawing_axes("dB gained in the rest", "dB gained in known regions")
    for index, method in enumerate(METHODS):
        if index == 0:
            axes.plot(0, 0, "o", color=COLOURS[method], label=method)
            continue
        rest = [case.outcomes[index].gain["rest"].value for case in cases]
        known = [case.outcomes[index].gain["known"].value for case in cases]
        axes.plot(rest, known, marker="o", color=COLOURS[method], label=method)
    axes.legend(frameon=False)
    return svg(drawing)
