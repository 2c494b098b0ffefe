"""``riskmask hints``: what an encoder is told about one image, in its own format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from riskmask.client import Client
from riskmask.client._messages import Options
from riskmask.client._outputs import SUFFIXES, takes_its_place, write_atomically
from riskmask.client._report import printable
from riskmask.client._types import Analysis, Effectiveness
from riskmask.client.cli import app
from riskmask.client.cli_connection import (
    Address,
    Ca,
    Cert,
    Credentials,
    Key,
    MaxErrorProbability,
    Model,
    Preset,
    Profiles,
    Threshold,
    Timeout,
    Tls,
    TokenFile,
    check_output,
    connect,
    errors_on_one_line,
    fail,
    has_profile,
    question,
)

MEANING = {
    Effectiveness.EFFECTIVE: "the encoder follows it",
    Effectiveness.NOT_EFFECTIVE_ON_STILLS: "the encoder accepts it and does nothing on stills",
    Effectiveness.UNPROVEN: "written to the encoder's documentation, never run",
}
OnePicture = Annotated[Path, typer.Argument(help="An image file.")]
Bpp = Annotated[float | None, typer.Option(help="Size asked for: bits per pixel.")]
Bytes = Annotated[int | None, typer.Option("--bytes", help="Size asked for: bytes of the file.")]


@app.command()
def hints(
    image: OnePicture,
    target: Annotated[str, typer.Option("--for", help="A hint format; riskmask info lists them.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.")],
    address: Address = None,
    codec: Annotated[
        str | None, typer.Option(help="Codec profile [the format's, or the server's default].")
    ] = None,
    bpp: Bpp = None,
    size_bytes: Bytes = None,
    quality: Annotated[
        float | None, typer.Option(help="Size asked for: the codec's own quality.")
    ] = None,
    policy: Preset = None,
    threshold: Threshold = None,
    max_error_probability: MaxErrorProbability = None,
    model: Model = None,
    profiles: Profiles = None,
    timeout: Timeout = 120.0,
    tls: Tls = False,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    token_file: TokenFile = None,
) -> None:
    """Write the hint that an encoder reads, so that it spends bits where the risk is."""
    rules = policy, threshold, max_error_probability
    options = question(codec, (bpp, size_bytes, quality), rules)
    credentials = Credentials(tls, ca, cert, key, token_file)
    with (
        errors_on_one_line(image),
        connect(address, timeout, credentials, model=model, profiles=profiles) as client,
    ):
        check_output(out, image)
        suffix = SUFFIXES.get(target)
        if suffix is not None and takes_its_place(out) and out.suffix != f".{suffix}":
            fail(f"{target} reads a file of another name as text; name {out} with .{suffix}")
        analysis = analyze_for(client, image, target, target, options)
        [hint] = analysis.hints
        write_atomically(out, lambda file: file.write(hint.data))
    clamped = [each.message for each in analysis.reasons if each.code == "RATE_OUT_OF_RANGE"]
    grid = f"{hint.columns}x{hint.rows} cells of {hint.block} pixels" if hint.block else "no grid"
    say(
        out,
        f"{image.name}: {analysis.decision} with {analysis.target.codec} at "
        f"{analysis.target.bpp:.3g} bpp",
        *clamped,
        f"{out}: {hint.format}, {grid}, {len(hint.data)} bytes; {MEANING[hint.effectiveness]}",
    )


def analyze_for(
    client: Client, image: Path, encoder: str, hint_format: str, options: Options
) -> Analysis:
    """An analysis with one hint, by the encoder's own codec profile where there is one."""
    asked: Options = {**options, "hint_formats": (hint_format,)}
    if asked.get("codec") is None:
        asked["codec"] = encoder if has_profile(client, encoder) else None
    return client.analyze(image, **asked)


def say(out: Path, *lines: str) -> None:
    """Lines on stdout, without colours of their own; on stderr where a file went into a pipe."""
    console = Console(stderr=not takes_its_place(out), emoji=False)
    for line in lines:
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
