"""``decisions``: whether the decisions are true, from labels to the page.

Needs the extras ``server``, ``verify`` and ``train``.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Preset(StrEnum):
    """Policies by name."""

    ARCHIVE = "archive"
    BALANCED = "balanced"
    EVIDENCE = "evidence"
    THUMBNAIL = "thumbnail"


def decisions(
    labels: Annotated[Path, typer.Option(help="Folder of held-out labels.")] = Path(
        "runs/labels-test"
    ),
    corpus: Annotated[
        Path | None, typer.Option(help="Image corpus; default: RISKMASK_CORPUS.")
    ] = None,
    fonts: Annotated[
        list[Path] | None,
        typer.Option(help="Folders of typefaces that the labels' scenes were drawn with."),
    ] = None,
    calibration: Annotated[
        bool,
        typer.Option(
            help="The training side's pictures that are kept out of training instead, on which "
            "a policy may be chosen."
        ),
    ] = False,
    policy: Annotated[Preset, typer.Option(help="What counts as a risk.")] = Preset.BALANCED,
    pictures: Annotated[int, typer.Option(help="At most so many; under 0 for all.")] = -1,
    code: Annotated[
        bool, typer.Option(help="Code pictures; without it only what labels tell is measured.")
    ] = True,
    model: Annotated[
        Path | None, typer.Option(help="ONNX detector; default: the packaged one.")
    ] = None,
    profiles: Annotated[
        Path | None, typer.Option(help="Folder of codec profiles besides the packaged ones.")
    ] = None,
    run: Annotated[
        Path, typer.Option(help="Folder of the run; a run that was stopped goes on.")
    ] = Path("runs/decisions"),
    out: Annotated[
        Path, typer.Option(help="The page, as Markdown; beside it every figure as CSV.")
    ] = Path("docs/decision-figures.md"),
) -> None:
    """Hold each decision against what becomes of the picture when it is coded so."""
    from riskmask.model.data.shards import LabelsError
    from riskmask.model.encoders.errors import EncoderError
    from riskmask.model.runs import RunError
    from riskmask.model.runtime.errors import AssetError
    from riskmask.server.decision_bench.bench import Setting, hold_decisions_to_account

    setting = Setting(
        labels=labels,
        corpus=corpus,
        fonts=tuple(fonts or ()),
        calibration=calibration,
        policy=policy.value,
        pictures=pictures,
        code=code,
        model=model,
        profiles=profiles,
        run=run,
    )
    try:
        hold_decisions_to_account(setting, out)
    except (AssetError, EncoderError, FileNotFoundError, LabelsError, RunError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    typer.echo(f"page: {out}; every figure: {out.with_suffix('.csv')}")
