"""Figures beside the bars that they are held against: a table for people, JSON for programs."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from rich.console import Console
from rich.table import Table

Comparison = Literal[">=", "<=", "<", "=="]
COMPARE = {">=": operator.ge, "<=": operator.le, "<": operator.lt, "==": operator.eq}


@dataclass(frozen=True)
class Figure:
    """One number that was measured.

    Attributes:
        part: of the bench.
        name: what was measured.
        value: NaN where there was nothing to measure.
        unit: of the value.
        bar: how it is compared with the limit, or None where nothing is asked of it.
        limit: in the same unit.
    """

    part: str
    name: str
    value: float
    unit: str
    bar: Comparison | None = None
    limit: float = math.nan

    @property
    def is_met(self) -> bool:
        """Whether it passes; a value that is not a number passes no bar."""
        return self.bar is None or bool(COMPARE[self.bar](self.value, self.limit))


class Report:
    """Figures in the order in which they were measured."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []

    def add(self, part: str, name: str, value: float, unit: str) -> None:
        """A figure of which nothing is asked."""
        self.figures.append(Figure(part, name, float(value), unit))

    def hold(
        self, part: str, name: str, value: float, unit: str, bar: Comparison, limit: float
    ) -> None:
        """A figure that is compared with a limit."""
        self.figures.append(Figure(part, name, float(value), unit, bar, limit))

    @property
    def is_met(self) -> bool:
        """Whether every bar is."""
        return all(figure.is_met for figure in self.figures)

    def show(self) -> None:
        """Prints all figures."""
        table = Table("part", "measured", "value", "bar", "", box=None, pad_edge=False)
        part = ""
        for figure in self.figures:
            bar = "" if figure.bar is None else f"{figure.bar} {figure.limit:g} {figure.unit}"
            verdict = "" if figure.bar is None else "met" if figure.is_met else "MISSED"
            value = f"{_number(figure.value)} {figure.unit}"
            first = "" if figure.part == part else figure.part
            table.add_row(first, figure.name, value, bar, verdict)
            part = figure.part
        # a pipe has no width of its own, and a table cut to 80 columns reads badly
        console = Console()
        Console(width=console.width if console.is_terminal else 120).print(table)

    def write(self, path: Path) -> None:
        """All figures as JSON; what is not a number is null."""
        rows = [
            {
                key: None if isinstance(value, float) and math.isnan(value) else value
                for key, value in (asdict(figure) | {"met": figure.is_met}).items()
            }
            for figure in self.figures
        ]
        path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def percentile(seconds: Sequence[float], percent: float) -> float:
    """In milliseconds; NaN where there are none."""
    return float(np.percentile(seconds, percent)) * 1000 if seconds else math.nan


def ratio(value: float, of: float) -> float:
    """value / of; NaN where that is no number."""
    return value / of if of else math.nan


def _number(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.4g}" if value < 1e4 else f"{value:.0f}"
