"""The command that makes the detector's 8-bit file, and keeps it only if it is as good."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from riskmask.model.train.codec_commands import FoldersOption, OutOption

app = typer.Typer()

RANGES = 64  # pictures that the ranges are taken from
MOST_LOST = 0.01  # of the average precision over judged regions, at any contested level


@app.command()
def quantise(
    model: Annotated[
        Path, typer.Option(help="float32 ONNX detector, as train calibrate writes it.")
    ],
    labels: FoldersOption = None,
    out: OutOption = Path("runs/quantised"),
    run: Annotated[
        Path, typer.Option("--run", help="Folder of the detector's run, for its card.")
    ] = Path("runs/detector"),
    fonts: Annotated[
        list[Path] | None,
        typer.Option(help="Folders of the scenes' typefaces, for pictures that were not kept."),
    ] = None,
) -> None:
    """Quantise the detector to 8 bits on training pictures; refused if it loses 0.01 AP."""
    import json
    import tempfile

    import numpy as np

    from riskmask.model.data.shards import LabelsError
    from riskmask.model.data.training_set import REFERENCE, load_folders
    from riskmask.model.evaluate.judged import region_table
    from riskmask.model.export import write_detector
    from riskmask.model.quantise import is_quantised, lost_precision, quantise_detector
    from riskmask.model.release import register
    from riskmask.model.runtime.errors import ModelError
    from riskmask.model.runtime.predictor import Predictor
    from riskmask.model.train.detector_card import QUANTISATION
    from riskmask.model.whole_file import write_whole

    try:
        before = Predictor(model)
        if is_quantised(model):
            raise typer.BadParameter(f"{model.name} is quantised already", param_hint="--model")
        size_before = model.stat().st_size
        folders = labels or [Path("runs/labels")]
        examples = load_folders(folders, codecs=[REFERENCE], fonts=fonts or ())
        learnt = [example for example in examples if not example.for_calibration]
        kept = [example for example in examples if example.for_calibration]
        if not learnt or not kept:
            raise LabelsError(
                f"{', '.join(map(str, folders))}: {len(learnt)} pictures to take ranges from and "
                f"{len(kept)} kept out of training to measure on; label more"
            )
    except (FileNotFoundError, LabelsError, ModelError) as error:
        typer.echo(f"quantise: {error}", err=True)
        raise typer.Exit(2) from None
    order = np.random.default_rng(0).permutation(len(learnt))[:RANGES]
    with tempfile.TemporaryDirectory() as scratch:
        path = quantise_detector(model, (learnt[i].image for i in order), Path(scratch))
        after = Predictor(path)
        table = region_table(
            kept,
            {
                name: [each.predict(example.image).risk.astype(np.float32) for example in kept]
                for name, each in (("float32", before), ("8 bits", after))
            },
        )
        lost = lost_precision(table, "float32", "8 bits")
        told = ", ".join(f"level {level}: {value:+.4f}" for level, value in lost.items())
        if not lost or not max(lost.values()) < MOST_LOST:
            typer.echo(
                f"quantise: refused; {len(table)} judged regions of {len(kept)} pictures lose "
                f"{told or 'nothing that could be measured, no level is contested'}",
                err=True,
            )
            raise typer.Exit(1)
        written = write_detector(path.read_bytes(), out)
    register("detector", written, before.name)
    record = {
        "file": written.name,
        "source": model.name,
        "source_bytes": size_before,
        "regions": len(table),
        "pictures": len(kept),
        "lost": lost,
    }
    run.mkdir(parents=True, exist_ok=True)
    write_whole(run / QUANTISATION, json.dumps(record, indent=2) + "\n")
    typer.echo(
        f"wrote {written}, {written.stat().st_size / 1e6:.1f} MB for {size_before / 1e6:.1f}; AP "
        f"lost over {len(table)} judged regions of {len(kept)} pictures kept out of training: "
        f"{told}"
    )
