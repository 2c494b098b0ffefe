"""``python -m riskmask.model.label.card``: the data card beside the shards, ``card.md``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from riskmask.model.cards import labelled_sources
from riskmask.model.data.label_rows import LabelRow
from riskmask.model.data.planes import CONTENTS, KINDS
from riskmask.model.data.recipe import Recipe
from riskmask.model.data.shards import read_rows
from riskmask.model.levels import ANCHORS
from riskmask.model.whole_file import write_whole

CARD = "card.md"

Name = TypeVar("Name", str, int)


@dataclass
class CodecCounts:
    """What one codec's rows hold.

    Attributes:
        weights: the codec's identity.
        pictures, failed: rows with labels, and without.
        judged: regions that could be judged.
        findings, high_impact: of all levels.
        contents, kinds, levels: findings by content (``none`` without), kind, finest level.
        partners: by classic codec, findings with a partner that small, and those that it got right.
        bpp: sum over the pictures, by level.
    """

    weights: str
    pictures: int = 0
    failed: int = 0
    judged: int = 0
    findings: int = 0
    high_impact: int = 0
    contents: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    levels: Counter[int] = field(default_factory=Counter)
    partners: dict[str, tuple[int, int]] = field(default_factory=dict)
    bpp: list[float] = field(default_factory=lambda: [0.0] * ANCHORS)

    def add(self, row: LabelRow) -> None:
        """Count a row."""
        if row.error is not None:
            self.failed += 1
            return
        self.pictures += 1
        self.judged += sum(place.judged for place in row.places)
        self.bpp = [total + bpp for total, bpp in zip(self.bpp, row.bpp, strict=True)]
        for finding in row.findings:
            self.findings += 1
            self.high_impact += finding.high_impact
            self.contents[finding.content or "none"] += 1
            self.kinds[finding.kind] += 1
            self.levels[finding.level] += 1
            for verdict in finding.classic:
                had, right = self.partners.get(verdict.codec, (0, 0))
                if verdict.right is not None:
                    self.partners[verdict.codec] = had + 1, right + verdict.right


def count_rows(rows: Iterable[LabelRow]) -> dict[str, CodecCounts]:
    """Counts by codec, in alphabetical order."""
    counts: dict[str, CodecCounts] = {}
    for row in rows:
        counts.setdefault(row.codec, CodecCounts(row.codec_sha256)).add(row)
    return dict(sorted(counts.items()))


def card(folder: Path) -> str:
    """The data card of a folder of labels, as Markdown.

    Raises:
        FileNotFoundError: there are no labels.
    """
    recipe = Recipe.load(folder)
    counts = count_rows(read_rows(folder, planes=False))
    size = sum(path.stat().st_size for path in folder.glob("*.parquet"))
    licences = "permissive licences only" if recipe.permissive else "licences of all classes"
    lines = [
        "# Labels of miscompressions",
        "",
        "Made by `python -m riskmask.model.label`. A row is a picture and a codec: findings with",
        "their evidence, and the planes of changed and valid places at eight levels. No pixels:",
        "pictures are cut from the corpus or rendered again by their keys, and the row has their",
        "hash. How the columns are packed: `riskmask/model/data/packing.py`.",
        "",
        f"- Side of the split: {recipe.side}; {licences}.",
        f"- Annotators: {', '.join(recipe.annotators)}.",
        f"- Differential verdict against: {', '.join(recipe.classics) or 'nothing'}.",
        f"- Typefaces of the scenes: {len(recipe.fonts)} files.",
        *([f"- Further families of icons: {', '.join(recipe.icons)}."] if recipe.icons else []),
        f"- Size: {size / 1e6:.2f} MB.",
        "",
        "## Codecs",
        "",
        _table(
            [
                "codec",
                "sha256",
                "pictures",
                "unreadable",
                "judged regions",
                "findings",
                "high impact",
            ],
            (
                [name, c.weights[:8], c.pictures, c.failed, c.judged, c.findings, c.high_impact]
                for name, c in counts.items()
            ),
        ),
        "",
        "## Findings by content and kind",
        "",
        _table(
            ["codec", *CONTENTS, "none", *KINDS],
            (
                [name, *_of(c.contents, (*CONTENTS, "none")), *_of(c.kinds, KINDS)]
                for name, c in counts.items()
            ),
        ),
        "",
        "## Findings by the finest level that changes",
        "",
        "A region that changes at a level counts as changed at every coarser one.",
        "",
        _table(
            ["codec", *map(str, range(ANCHORS))],
            ([name, *_of(c.levels, range(ANCHORS))] for name, c in counts.items()),
        ),
        "",
        "Mean bits per pixel at these levels:",
        "",
        _table(
            ["codec", *map(str, range(ANCHORS))],
            (
                [name, *(f"{total / c.pictures:.3f}" for total in c.bpp)]
                for name, c in counts.items()
                if c.pictures
            ),
        ),
        "",
        "## Differential verdict",
        "",
        "Findings for which the classic codec has a file that is not larger, and how many of those",
        "places it got right:",
        "",
        _table(
            ["codec", "classic", "with a partner", "right there"],
            (
                [name, classic, had, right]
                for name, c in counts.items()
                for classic, (had, right) in sorted(c.partners.items())
            ),
        ),
        "",
        "## Sources",
        "",
        labelled_sources([folder]),
    ]
    return "\n".join(lines) + "\n"


def _of(counts: Mapping[Name, int], names: Iterable[Name]) -> list[int]:
    return [counts.get(name, 0) for name in names]


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def main(
    labels: Annotated[Path, typer.Argument(help="Folder of labels.")] = Path("runs/labels"),
) -> None:
    """Write the data card of a folder of labels into it."""
    path = labels / CARD
    write_whole(path, card(labels))
    typer.echo(f"wrote {path}")


if __name__ == "__main__":
    typer.run(main)
