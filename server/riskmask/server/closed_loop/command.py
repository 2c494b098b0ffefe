"""``hints``: the closed loop, from pictures to the table and the page.

Needs the extras ``server``, ``verify``, ``train`` and ``encoders``, and the program tesseract.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

TARGETS = ("x265", "x264", "kvazaar", "hyperprior", "jpeg")


def hints(
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
    target: Annotated[
        list[str] | None, typer.Option(help=f"Encoder; default: {', '.join(TARGETS)}.")
    ] = None,
    pictures: Annotated[int, typer.Option(help="At most so many; under 0 for all.")] = -1,
    fewest_words: Annotated[
        int, typer.Option(min=1, help="That tesseract reads rightly in a picture that is coded.")
    ] = 4,
    yunet: Annotated[
        Path | None,
        typer.Option(
            envvar="RISKMASK_FACE_DETECTOR",
            help="YuNet's ONNX file; without it dlib's frontal detector finds the faces.",
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="ONNX detector; default: the packaged one.")
    ] = None,
    profiles: Annotated[
        Path | None, typer.Option(help="Folder of codec profiles besides the packaged ones.")
    ] = None,
    hindsight: Annotated[
        bool,
        typer.Option(
            "--hindsight",
            help="Code with a map too that knows which lines lose words, as a guide.",
        ),
    ] = False,
    run: Annotated[
        Path, typer.Option(help="Folder of the run; a run that was stopped goes on.")
    ] = Path("runs/closed-loop"),
    out: Annotated[Path, typer.Option(help="The table, as Markdown.")] = Path(
        "docs/closed-loop.md"
    ),
    page: Annotated[
        Path | None, typer.Option(help="The page; default: in the run's folder.")
    ] = None,
) -> None:
    """Code pictures with hints of four kinds at equal bytes, and measure what meaning survives."""
    from riskmask.model.data.shards import LabelsError
    from riskmask.model.encoders.errors import EncoderError
    from riskmask.model.runs import RunError
    from riskmask.model.runtime.errors import AssetError
    from riskmask.server.closed_loop.loop import Setting, close_the_loop

    setting = Setting(
        labels=labels,
        corpus=corpus,
        fonts=tuple(fonts or ()),
        targets=tuple(target or TARGETS),
        pictures=pictures,
        fewest_words=fewest_words,
        yunet=yunet,
        model=model,
        profiles=profiles,
        hindsight=hindsight,
        run=run,
    )
    try:
        close_the_loop(setting, out, page or run / "closed-loop.html")
    except (AssetError, EncoderError, FileNotFoundError, LabelsError, RunError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    typer.echo(f"table: {out}\npage: {page or run / 'closed-loop.html'}")
