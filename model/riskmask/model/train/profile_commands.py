"""The command that adds to a codec profile what labels say of text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from riskmask.model.train.codec_commands import PROFILES

app = typer.Typer()


@app.command()
def safe_text_height(
    codec: Annotated[str, typer.Option(help="Name of the codec in the labels.")] = "hyperprior",
    labels: Annotated[Path, typer.Option(help="Folder of labels.")] = Path("runs/labels"),
    profile: Annotated[
        Path | None, typer.Option(help="Profile to add to; default: the packaged one.")
    ] = None,
    changed_share: Annotated[
        float, typer.Option(help="Share of lines that may change where text is safe, in (0, 1).")
    ] = 0.3,
) -> None:
    """Measure from which height on a codec keeps text, and write it into its profile."""
    from riskmask.model.data.shards import LabelsError, read_rows
    from riskmask.model.runtime.errors import ProfileError
    from riskmask.model.runtime.safe_text_height import SafeTextHeight
    from riskmask.model.train.safe_text_height import fit_heights, text_lines, write_heights

    if not 0 < changed_share < 1:
        raise typer.BadParameter("--changed-share must lie between 0 and 1")
    out = profile or PROFILES / f"{codec}.json"
    try:
        lines = text_lines(read_rows(labels, planes=False), codec)
        levels = fit_heights(lines, changed_share)
        pictures = len(set(lines.picture.tolist()))
        heights = SafeTextHeight(
            changed_share=changed_share,
            pixels=tuple(level.pixels for level in levels),
            fitted_on=(
                f"{len(lines)} judged lines of text in {pictures} labelled pictures, by "
                f"python -m riskmask.model.train safe-text-height --codec {codec} "
                f"--changed-share {changed_share:g}"
            ),
        )
        written = write_heights(out, heights)
    except (FileNotFoundError, LabelsError, ProfileError) as error:
        typer.echo(f"safe-text-height: {error}", err=True)
        raise typer.Exit(2) from None
    for number, level in enumerate(levels):
        low, high = level.interval
        safe = "none" if level.pixels is None else f"{level.pixels:g} px ({low:.1f} to {high:.1f})"
        typer.echo(f"level {number}: {level.changed:.1%} of lines changed; safe from: {safe}")
    typer.echo(f"wrote {out}, version {written.version}: {heights.fitted_on}")
