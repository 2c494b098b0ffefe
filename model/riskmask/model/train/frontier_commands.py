"""The command that measures which encoder and widths are worth their time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from riskmask.model.train.codec_commands import FoldersOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from riskmask.model.train.frontier import Point

app = typer.Typer()


@app.command()
def frontier(
    labels: FoldersOption = None,
    run: Annotated[Path, typer.Option("--run", help="Folder of the candidates' runs.")] = Path(
        "runs/frontier"
    ),
    out: Annotated[Path, typer.Option(help="The page; its drawing goes to images/ beside it.")] = (
        Path("docs/frontier.md")
    ),
    steps: Annotated[int, typer.Option(help="Optimiser steps of each candidate.")] = 2_000,
    fonts: Annotated[
        list[Path] | None,
        typer.Option(help="Folders of the scenes' typefaces, for pictures that were not kept."),
    ] = None,
) -> None:
    """Train small and large detectors alike, and draw their precision against their time.

    Nothing else may run while they are timed, which is at the end.
    """
    from riskmask.model.data.shards import LabelsError
    from riskmask.model.data.training_set import REFERENCE, load_folders
    from riskmask.model.train.detector import DetectorTraining
    from riskmask.model.train.frontier import frontier_svg, measure_candidates, train_candidates
    from riskmask.model.train.run import OtherSettingsError
    from riskmask.model.whole_file import write_whole

    try:
        folders = labels or [Path("runs/labels")]
        examples = load_folders(folders, fonts=fonts or ())
        judged = load_folders(folders, codecs=[REFERENCE], fonts=fonts or ())
        kept = [example for example in judged if example.for_calibration]
        if not kept or all(example.for_calibration for example in examples):
            raise LabelsError(
                f"{', '.join(map(str, folders))}: of {len(examples)} pictures {len(kept)} are kept "
                "out of training; label more"
            )
    except (FileNotFoundError, LabelsError) as error:
        typer.echo(f"frontier: {error}", err=True)
        raise typer.Exit(2) from None
    settings = DetectorTraining(steps=steps)
    try:
        files = train_candidates(examples, run, settings)
    except OtherSettingsError as error:
        typer.echo(f"frontier: {error}", err=True)
        raise typer.Exit(2) from None
    points = measure_candidates(files, kept)
    drawing = out.parent / "images" / f"{out.stem}.svg"
    drawing.parent.mkdir(parents=True, exist_ok=True)
    write_whole(drawing, frontier_svg(points) + "\n")
    write_whole(out, _page(points, steps, len(kept), f"images/{drawing.name}"))
    typer.echo(out.read_text("utf-8"))


def _page(points: Sequence[Point], steps: int, pictures: int, drawing: str) -> str:
    lines = [
        "# Encoder and widths",
        "",
        f"Made by `python -m riskmask.model.train frontier --steps {steps}`. Each candidate was",
        f"trained alike from random weights, for {steps} steps of 8 crops of 256x256: far less",
        "than the packaged detector, so this tells their order and not how good they get. Region",
        f"AP is the mean over the contested levels, on {pictures} pictures kept out of training,",
        "with 95% bootstrap intervals over pictures. The time is that of the network on a tile of",
        "512x512 in float32, one thread. Names give the encoder and the channels of pyramid and",
        "segmentation; the packaged one is drawn in orange.",
        "",
        f"![Region AP of each candidate against its milliseconds]({drawing})",
        "",
        "| | candidate | MB | ms | region AP |",
        "|---|---|---|---|---|",
    ]
    for number, point in enumerate(points, start=1):
        low, high = point.interval
        lines.append(
            f"| {number} | {point.name} | {point.megabytes:.1f} | {point.milliseconds:.1f} "
            f"| {point.precision:.3f} ({low:.3f} to {high:.3f}) |"
        )
    return "\n".join(lines) + "\n"
