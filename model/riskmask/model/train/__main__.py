"""``python -m riskmask.model.train``: train codecs and the detector, fit levels and profiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from riskmask.model.train import codec_commands, profile_commands, quantise_commands
from riskmask.model.train.codec_commands import PACKAGED, FoldersOption, OutOption

if TYPE_CHECKING:
    from riskmask.model.train.calibration import Platt

app = typer.Typer(no_args_is_help=True, add_completion=False)
app.registered_commands += codec_commands.app.registered_commands
app.registered_commands += profile_commands.app.registered_commands
app.registered_commands += quantise_commands.app.registered_commands


CALIBRATION = "calibration.json"  # in the folder of a detector's run
DETECTOR_NAME = "riskmask-fpn-mobilenetv4-conv-small"


@app.callback()
def main() -> None:
    """Train codecs and the detector, fit levels and profiles, write cards."""


LabelsOption = Annotated[Path, typer.Option(help="Folder of labels.")]
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
    from riskmask.model.train.starts import start_network

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
        network = train_detector(
            learnt,
            run,
            settings,
            start=None if start is None else start_network(start, learnt),
            held_out=[example for example in every if example.for_calibration],
        )
    except (FileNotFoundError, LabelsError, NotADetectorError) as error:
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
    except ValueError as error:
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

    from riskmask.model.data.training_set import REFERENCE, load_folders
    from riskmask.model.export import export_detector
    from riskmask.model.release import register
    from riskmask.model.runtime.predictor import Predictor
    from riskmask.model.train.calibration import fit_platt, judged_table
    from riskmask.model.train.detector import load_trained

    network, _ = load_trained(run)
    folders = labels or [Path("runs/labels")]
    labelled = load_folders(folders, codecs=[REFERENCE], fonts=fonts or ())
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
    (run / CALIBRATION).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    typer.echo(_calibration_line(platt))


def _calibration_line(platt: Platt) -> str:
    intercepts = ", ".join(f"{value:+.2f}" for value in platt.intercept)
    return (
        f"slope {platt.slope:.3f}, intercepts {intercepts} on {platt.regions} regions of "
        f"{platt.pictures} pictures; on the same regions the calibration error falls from "
        f"{platt.error[0]:.3f} to {platt.error[1]:.3f}, and the Brier skill rises from "
        f"{platt.skill[0]:.3f} to {platt.skill[1]:.3f}"
    )


@app.command()
def detector_card(
    labels: LabelsOption = Path("runs/labels"),
    run: Annotated[
        list[Path] | None, typer.Option(help="Folders of the runs, each started from the last.")
    ] = None,
    out: OutOption = PACKAGED,
) -> None:
    """Write the packaged detector's card from its runs and its labels."""
    from riskmask.model.cards import labelled_sources, loss_table
    from riskmask.model.data.recipe import Recipe
    from riskmask.model.data.shards import finished
    from riskmask.model.runtime.weights import find_weights
    from riskmask.model.train.calibration import Platt
    from riskmask.model.train.detector import load_trained

    runs = run or [Path("runs/detector")]
    weights = find_weights("detector", out)
    annotators = Recipe.load(labels).annotators
    codecs = sorted({codec for _, codec in finished(labels)})
    logs = [folder / "detector.jsonl" for folder in runs if (folder / "detector.jsonl").exists()]
    log = [json.loads(line) for line in logs[-1].read_text("utf-8").splitlines()]
    trained = []
    for number, folder in enumerate(runs, start=1):
        facts = load_trained(folder)[1]
        settings, seconds = facts["settings"], facts["seconds"]
        if facts["mean_of"]:
            names = [folder.name for folder in runs]
            numbers = ", ".join(str(names.index(name) + 1) for name in facts["mean_of"])
            trained.append(
                f"  {number}. the mean of the weights of runs {numbers} (`train average`)"
            )
            continue
        trained.append(
            f"  {number}. `--steps {facts['step']} --batch {settings['batch']} --crop "
            f"{settings['crop']} --rate {settings['rate']:g} --decay {settings['decay']:g}`, "
            f"{seconds / 60:.0f} minutes"
        )
    unlearnt = "" if "face" in annotators else "the risk of faces (their places alone), "
    calibrated = ["Its probabilities are not calibrated."]
    kept = runs[-1] / CALIBRATION
    record = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    if record.pop("file", None) == weights.path.name:
        platt = Platt(**record)
        calibrated = [
            "Its risks of regions are calibrated on scenes and sources kept out of training",
            f"(`train calibrate`): {_calibration_line(platt)}.",
        ]
    lines = [
        f"# The detector, `{weights.name}`",
        "",
        "Says for every place of a picture how likely the reference codec changes its meaning at",
        "each of eight levels, what each level costs, and what is there: see",
        "`riskmask/model/detector.py`. Input uint8 RGB, outputs of a quarter of its size.",
        "",
        f"- File: {weights.path.name}, {weights.path.stat().st_size / 1e6:.1f} MB, sha256",
        f"  {weights.sha256}.",
        "- Trained from random weights by `python -m riskmask.model.train detector` with AdamW,",
        "  each run but the first with `--start` of the one before:",
        *trained,
        f"- Labels: `python -m riskmask.model.label`, codecs {', '.join(codecs)}; annotators",
        f"  {', '.join(annotators)}.",
        "- Measured in `docs/evaluation.md`.",
        "",
        f"What it has not learnt: {unlearnt}changes of geometry, risks of other codecs.",
        "",
        *calibrated,
        "",
        "## Loss",
        "",
        "Of the last run, means over the 100 steps before:",
        "",
        loss_table(log),
        "",
        *_held_out(log),
        "## Trained on",
        "",
        "Pictures cut to 640x640 at most; `scenes` are rendered on training photographs with icons",
        "of the training families.",
        "",
        labelled_sources(labels),
    ]
    path = out / "detector.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    typer.echo(f"wrote {path}")


def _held_out(log: list[dict[str, Any]]) -> list[str]:
    from riskmask.model.cards import loss_table

    checks = [{"step": line["step"], **line["held_out"]} for line in log if "held_out" in line]
    if not checks:
        return []
    return ["On crops of the pictures kept for the calibration:", "", loss_table(checks), ""]


if __name__ == "__main__":
    app()
