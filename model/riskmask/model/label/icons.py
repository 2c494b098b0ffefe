"""``python -m riskmask.model.label.icons``: further families of icons, from npm packages.

``packages`` names them, for ``npm install --prefix DIR $(…)``; ``gather DIR/node_modules OUT``
writes each family's SVG files to a folder of its own, as ``label --icons OUT`` reads them.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

import typer

from riskmask.model.corpus import thinned

TABLE = Path("model/labels/icons.csv")
LARGEST = 160  # icons kept of a family at most; some have twenty thousand

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
Table = Annotated[
    Path,
    typer.Option(
        exists=True, dir_okay=False, help="Families and where they lie in which package, a CSV."
    ),
]


@dataclass(frozen=True)
class Source:
    """Where a family comes from.

    Attributes:
        family: its name.
        package, version: of npm.
        path: in the package: a folder of SVG files, or an Iconify collection (``icons.json``).
        names: which of its icons, as a pattern like ``*-dark``; empty for all.
        licence: SPDX expression.
    """

    family: str
    package: str
    version: str
    path: str
    names: str
    licence: str

    def holds(self, name: str) -> bool:
        """Whether an icon of the package, by its name without ``.svg``, is of this family."""
        return fnmatchcase(name, self.names or "*")


def read_sources(table: Path) -> list[Source]:
    """The families of a table."""
    with table.open(newline="", encoding="utf-8") as lines:
        return [Source(**row) for row in csv.DictReader(lines)]


@app.command()
def packages(table: Table = TABLE) -> None:
    """Name the packages with their versions, for npm."""
    sources = read_sources(table)
    typer.echo(" ".join(sorted({f"{source.package}@{source.version}" for source in sources})))


@app.command()
def gather(
    modules: Annotated[Path, typer.Argument(help="The folder node_modules.")],
    out: Annotated[Path, typer.Argument(help="Folder for the families, none of them there yet.")],
    table: Table = TABLE,
) -> None:
    """Write each family's SVG files to a folder of its own."""
    sources = read_sources(table)
    for source in sources:  # all of them first, so that nothing half is left behind
        package = modules / source.package
        try:
            manifest = json.loads((package / "package.json").read_text("utf-8"))
        except FileNotFoundError:
            raise typer.BadParameter(
                f"{modules} has no package {source.package}; install what `packages` names"
            ) from None
        if manifest["version"] != source.version:
            raise typer.BadParameter(
                f"{source.package} is {manifest['version']}, the table wants {source.version}"
            )
        if not (package / source.path).exists():
            raise typer.BadParameter(f"{source.package} has no {source.path}, as the table says")
        if (out / source.family).exists():
            raise typer.BadParameter(f"{out / source.family} is there already; name another folder")
    for source in sources:
        folder = out / source.family
        folder.mkdir(parents=True)
        for name, drawing in drawings(source, modules):
            (folder / f"{name}.svg").write_text(drawing, encoding="utf-8")


def drawings(source: Source, modules: Path) -> Iterator[tuple[str, str]]:
    """Names and SVG of the icons of a family, in a folder or in an Iconify collection.

    Of more than :data:`LARGEST` every second is taken, or every third, until no more are left.
    """
    path = modules / source.package / source.path
    if path.is_dir():
        files = [file for file in sorted(path.rglob("*.svg")) if source.holds(file.stem)]
        for file in thinned(files, LARGEST):
            yield file.stem, file.read_text("utf-8")
        return
    collection: dict[str, Any] = json.loads(path.read_text("utf-8"))
    names = [name for name in sorted(collection["icons"]) if source.holds(name)]
    for name in thinned(names, LARGEST):
        icon = collection["icons"][name]
        left, top = (icon.get(side, collection.get(side, 0)) for side in ("left", "top"))
        width, height = (icon.get(side, collection.get(side, 16)) for side in ("width", "height"))
        yield (
            name,
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{left} {top} {width} {height}" width="{width}" height="{height}">'
            f"{icon['body']}</svg>",
        )


if __name__ == "__main__":
    app()
