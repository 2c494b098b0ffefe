"""``python -m riskmask.model.prevalence``: how often codecs change the meaning of pictures.

Reads the labels of ``python -m riskmask.model.label`` and writes an HTML page and two CSV files.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from riskmask.model.codecs.base import Codec


def main(
    labels: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of labels, repeatable; default: runs/labels."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("docs/prevalence"),
    corpus: Annotated[Path | None, typer.Option(help="Default: RISKMASK_CORPUS.")] = None,
    fonts: Annotated[
        list[Path] | None, typer.Option(help="Folders of typefaces, as the labels were made.")
    ] = None,
    photographs: Annotated[
        bool,
        typer.Option(
            help="Show photographs and icons in the gallery too, whose licences you must mind; "
            "otherwise it shows text on rendered pages alone."
        ),
    ] = False,
) -> None:
    """Write the report on labels, of one folder or the sides of the split together."""
    from riskmask.model.corpus import CorpusNotFoundError
    from riskmask.model.data.shards import LabelsError
    from riskmask.model.runtime.errors import AssetError

    try:
        page = _report(labels or [Path("runs/labels")], out, corpus, fonts or (), photographs)
    except (AssetError, CorpusNotFoundError, FileNotFoundError, LabelsError, ValueError) as error:
        typer.echo(f"prevalence: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"wrote {page}")


def _report(
    labels: Sequence[Path], out: Path, corpus: Path | None, fonts: Sequence[Path], photographs: bool
) -> Path:
    from riskmask.model.codecs import CODECS
    from riskmask.model.data.picture_store import PictureStore
    from riskmask.model.data.shards import LabelsError, read_rows
    from riskmask.model.prevalence.report import write_report
    from riskmask.model.prevalence.tables import build_tables

    made: dict[str, tuple[PictureStore, str]] = {}
    for folder in labels:
        store = PictureStore(folder, corpus, fonts)
        rows = read_rows(folder, planes=False)
        of_folder = {row.key: row.image_sha256 for row in rows if row.error is None}
        twice = made.keys() & of_folder
        if twice:
            raise LabelsError(
                f"{folder} holds pictures of another folder too, such as {min(twice)}"
            )
        made |= {key: (store, sha256) for key, sha256 in of_folder.items()}

    @lru_cache(maxsize=4)
    def picture(key: str) -> NDArray[np.uint8]:
        store, sha256 = made[key]
        return store.get(key, sha256)

    @cache
    def codec(name: str) -> Codec:
        return CODECS[name]()

    tables = build_tables(chain.from_iterable(map(read_rows, labels)), picture)
    findings = tables.findings
    on_pages = findings["key"].str.startswith("page-") & (findings["content"] == "text")
    drawn = findings if photographs else findings[on_pages]
    return write_report(tables, out, drawn, picture, codec)


if __name__ == "__main__":
    typer.run(main)
