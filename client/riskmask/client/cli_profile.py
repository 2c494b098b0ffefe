"""``riskmask profile``: fit a codec of one's own onto the model's levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from rich.progress import track

from riskmask.client._inputs import collect
from riskmask.client.cli import app
from riskmask.client.cli_connection import Model, errors_on_one_line, fail

if TYPE_CHECKING:
    from riskmask.model.profiling.measure import Measurement
    from riskmask.model.profiling.plugin import Plugin

LONGEST: Final = 1280  # pixels of a side to which pictures are reduced


@app.command()
def profile(
    plugin: Annotated[
        str,
        typer.Argument(
            help="The codec: MODULE:CALLABLE or FILE.py:CALLABLE, "
            "code(image, quality) -> (reconstruction, stream)."
        ),
    ],
    images: Annotated[
        list[Path], typer.Argument(help="Pictures to fit on, two dozen or more, or folders.")
    ],
    qualities: Annotated[
        str, typer.Option(help="Qualities to code at, with commas between: 10,20,40,80.")
    ],
    name: Annotated[
        str | None, typer.Option(help="Of the profile [the callable's, in lower case].")
    ] = None,
    codec: Annotated[
        str | None, typer.Option(help="Which codec and settings, in words [the plug-in].")
    ] = None,
    meaning: Annotated[str, typer.Option(help="Of the quality, in words.")] = "the codec's own",
    integer: Annotated[
        bool, typer.Option("--integer", help="The quality takes whole numbers only.")
    ] = False,
    model: Model = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write [NAME.json here].")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            help="Folder in which what was measured is kept, so that a run that was cut off goes "
            "on and pictures can be added; empty it when the codec itself has changed "
            "[NAME.run beside the file]."
        ),
    ] = None,
) -> None:
    """Fit a profile for a codec of your own, and say what it gained.

    Codes every picture at every quality, reads the text in what comes back, and fits the codec's
    rates to the model's levels and the model's risks to what was found. Give the profile's folder
    to `analyze` or `serve` with --profiles.
    """
    values = _numbers(qualities)
    name = name or _default_name(plugin)
    out = out or Path(f"{name}.json")
    run = run or out.with_suffix(".run")
    try:
        from riskmask.model.profiling.fit import FitError, fit
        from riskmask.model.profiling.plugin import Plugin, PluginError
        from riskmask.model.profiling.profile_file import Identity, report, write_profile
        from riskmask.model.runs import RunError
        from riskmask.model.runtime.errors import AssetError
        from riskmask.model.runtime.profiles import NAME, packaged_profiles
    except ModuleNotFoundError as missing:
        fail(f"profiling needs {missing.name}: pip install 'riskmask[server,verify,profile]'")
    if not NAME.fullmatch(name):
        fail("--name must be lower case letters, digits and hyphens")
    if name in packaged_profiles():
        fail(f"{name} is a packaged profile, which this one would replace; choose another --name")
    with errors_on_one_line():
        # What can be refused is refused before hours of coding.
        out.parent.mkdir(parents=True, exist_ok=True)
        paths = collect(images)
        _check_pictures(paths)
        try:
            fitted = fit(_measure(Plugin.load(plugin), paths, values, model, run))
            identity = Identity(
                name=name,
                codec=codec or plugin,
                meaning=meaning,
                minimum=min(values),
                maximum=max(values),
                integer=integer,
                fitted_on=(
                    f"{len(paths)} pictures at qualities {qualities}, by riskmask profile; levels "
                    "by the bpp that the model predicts for the reference codec"
                ),
            )
            write_profile(fitted, identity, out)
        except (PluginError, FitError, AssetError, RunError) as error:
            fail(str(error))
    for line in report(fitted, len(paths)):
        typer.echo(line)
    typer.echo(f"wrote {out}")


def _check_pictures(paths: Sequence[Path]) -> None:
    for path in paths:
        try:
            with Image.open(path) as opened:
                opened.verify()
        except (Image.DecompressionBombError, UnidentifiedImageError, SyntaxError, ValueError):
            fail(f"{path}: no picture that can be read here")


def _measure(
    plugin: Plugin,
    paths: Sequence[Path],
    qualities: Sequence[float],
    model: Path | None,
    run: Path,
) -> Measurement:
    from riskmask.model.annotators.text import TextAnnotator
    from riskmask.model.profiling.found_text import FoundText
    from riskmask.model.profiling.measure import Measuring
    from riskmask.model.runtime.predictor import Predictor
    from riskmask.model.runtime.weights import find_weights
    from riskmask.server.engine.decode import decode
    from riskmask.server.engine.errors import EngineError

    def pictures() -> Iterator[NDArray[np.uint8]]:
        for path in track(paths, description="coding", transient=True):
            try:
                picture = Image.fromarray(decode(path.read_bytes()).pixels)
            except EngineError as error:
                fail(f"{path}: {error}")
            picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
            yield np.asarray(picture)

    predictor = Predictor(model or find_weights("detector").path)
    measuring = Measuring(plugin, qualities, predictor, FoundText(), TextAnnotator())
    return measuring.measure(pictures(), run)


def _numbers(text: str) -> list[float]:
    try:
        values = sorted({float(part) for part in text.split(",")})
    except ValueError:
        fail(f"--qualities must be numbers with commas between, as 10,20,40,80, not {text!r}")
    if len(values) < 2 or not np.isfinite(values).all():
        fail("--qualities must name at least two different qualities")
    return values


def _default_name(plugin: str) -> str:
    return plugin.rpartition(":")[2].lower().replace("_", "-").strip("-") or "own"
