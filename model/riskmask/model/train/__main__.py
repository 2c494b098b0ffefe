"""``python -m riskmask.model.train``: train codecs and the detector, fit levels and profiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from riskmask.model.train import (
    codec_commands,
    frontier_commands,
    profile_commands,
    quantise_commands,
)
from riskmask.model.train.codec_commands import PACKAGED, FoldersOption, OutOption

app = typer.Typer(no_args_is_help=True, add_completion=False)
app.registered_commands += codec_commands.app.registered_commands
app.registered_commands += profile_commands.app.registered_commands
app.registered_commands += quantise_commands.app.registered_commands
app.registered_commands += frontier_commands.app.registered_commands


DETECTOR_NAME = "riskmask-fpn-mobilenetv4-conv-small"


@app.callback()
def main() -> None:
    """Train codecs and the detector, fit levels and profiles, write cards."""


FontsOption = Annotated[
    list[Path] | None,
    typer.Option(help="Folders of the scenes' typefaces, for pictures that were not kept."),
]
RunOption = Annotated[Path, typer.Option("--run", help="Folder of checkpoint and log.")]


@app.command()
def detector(
    labels: FoldersOption = None,
    run: RunOption = Path("runs/detector"),
    out: OutOption = PACKAGED,
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 9_000,
    batch: Annotated[int, typer.Option(help="Crops in a step.")] = 8,
    crop: Annotated[int, typer.Option(help="Side of a crop, a multiple of 32.")] = 256,
    rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 2e-3,
    decay: Annotated[float, typer.Option(help="Weight decay.")] = 1e-2,
    start: Annotated[
        Path | None,
        typer.Option(
            help="What to begin with: the folder of another run, or the ONNX file of a detector."
        ),
    ] = None,
    codec: Annotated[
        list[str] | None,
        typer.Option(help="Codec whose labels to learn, repeatable; default: all in the labels."),
    ] = None,
    frozen_statistics: Annotated[
        bool, typer.Option(help="Keep the statistics of normalisations; wants --start.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    bf16: Annotated[bool, typer.Option(help="Run the network in bfloat16.")] = False,
    fonts: FontsOption = None,
) -> None:
    """Train the detector on labels and export it; continues a run that was cut off."""
    from riskmask.model.data.shards import LabelsError
    from riskmask.model.data.training_set import load_folders
    from riskmask.model.export import export_detector
    from riskmask.model.release import register
    from riskmask.model.train.detector import DetectorTraining, train_detector
    from riskmask.model.train.exported import NotADetectorError
    from riskmask.model.train.run import OtherSettingsError
    from riskmask.model.train.starts import read_start

    if frozen_statistics and start is None:
        raise typer.BadParameter(
            "a run from random weights has none to keep; name a --start",
            param_hint="--frozen-statistics",
        )
    settings = DetectorTraining(
        steps=steps,
        batch=batch,
        crop=crop,
        rate=rate,
        decay=decay,
        codecs=tuple(codec or ()),
        frozen_statistics=frozen_statistics,
        started_from="" if start is None else start.name,
        device=device,
        bf16=bf16,
    )
    try:
        every = load_folders(
            labels or [Path("runs/labels")], codecs=codec or None, fonts=fonts or ()
        )
        learnt = [example for example in every if not example.for_calibration]
        if not learnt:
            raise LabelsError(
                f"all {len(every)} pictures of these labels are kept out of training for the "
                "calibration; name others"
            )
        network = train_detector(
            learnt,
            run,
            settings,
            start=None if start is None else read_start(start, learnt),
            held_out=[example for example in every if example.for_calibration],
        )
    except (FileNotFoundError, LabelsError, NotADetectorError, OtherSettingsError) as error:
        typer.echo(f"detector: {error}", err=True)
        raise typer.Exit(2) from None
    register("detector", export_detector(network, out, DETECTOR_NAME), DETECTOR_NAME)


@app.command()
def average(
    run: Annotated[
        list[Path], typer.Option("--run", help="Folders of the runs, each started from the last.")
    ],
    to: Annotated[Path, typer.Option(help="Folder of the run that is their mean.")],
) -> None:
    """Average the weights of detector runs into a run of its own, to be calibrated next."""
    from riskmask.model.train.detector import average_runs

    try:
        average_runs(run, to)
    except (FileNotFoundError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="--run") from None
    typer.echo(f"wrote {to}; now: calibrate --run {to}")


@app.command()
def calibrate(
    labels: FoldersOption = None,
    run: RunOption = Path("runs/detector"),
    out: OutOption = PACKAGED,
    fonts: FontsOption = None,
) -> None:
    """Calibrate a trained detector on pictures kept out of its training, and export it so."""
    import tempfile
    from dataclasses import asdict

    from riskmask.model.data.shards import LabelsError
    from riskmask.model.data.training_set import REFERENCE, load_folders
    from riskmask.model.export import export_detector
    from riskmask.model.release import register
    from riskmask.model.runtime.predictor import Predictor
    from riskmask.model.train.calibration import fit_platt, judged_table
    from riskmask.model.train.detector import load_trained
    from riskmask.model.train.detector_card import CALIBRATION, calibration_line
    from riskmask.model.whole_file import write_whole

    folders = labels or [Path("runs/labels")]
    try:
        network, _ = load_trained(run)
        labelled = load_folders(folders, codecs=[REFERENCE], fonts=fonts or ())
    except (FileNotFoundError, LabelsError) as error:
        typer.echo(f"calibrate: {error}", err=True)
        raise typer.Exit(2) from None
    examples = [example for example in labelled if example.for_calibration]
    with tempfile.TemporaryDirectory() as scratch:
        predictor = Predictor(export_detector(network, Path(scratch), DETECTOR_NAME))
        try:
            platt = fit_platt(judged_table(predictor, examples))
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--labels") from None
    path = export_detector(network, out, DETECTOR_NAME, (platt.slope, platt.intercept))
    register("detector", path, DETECTOR_NAME)
    # Which file it is about, or a later export of this run would count as calibrated too.
    record = {"file": path.name, **asdict(platt)}
    write_whole(run / CALIBRATION, json.dumps(record, indent=2) + "\n")
    typer.echo(calibration_line(platt))


@app.command()
def detector_card(
    labels: FoldersOption = None,
    run: Annotated[
        list[Path] | None, typer.Option(help="Folders of the runs, each started from the last.")
    ] = None,
    note: Annotated[
        list[str] | None,
        typer.Option(help="A sentence on runs or labels that neither tells, repeatable."),
    ] = None,
    out: OutOption = PACKAGED,
) -> None:
    """Write the packaged detector's card from its runs and its labels."""
    from riskmask.model.runtime.weights import find_weights
    from riskmask.model.train.detector_card import card
    from riskmask.model.whole_file import write_whole

    weights = find_weights("detector", out)
    runs, folders = run or [Path("runs/detector")], labels or [Path("runs/labels")]
    text = card(weights, runs, folders, note or ())
    path = out / "detector.md"
    write_whole(path, text)
    typer.echo(f"wrote {path}")


if __name__ == "__main__":
    app()
