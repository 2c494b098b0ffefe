"""``riskmask hints``: what an encoder is told about one image, in its own format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from riskmask.client import Client
from riskmask.client._messages import Options
from riskmask.client._outputs import write_atomically
from riskmask.client._report import printable
from riskmask.client._types import Analysis, Effectiveness
from riskmask.client.cli import app
from riskmask.client.cli_connection import (
    Address,
    Ca,
    Cert,
    Credentials,
    Key,
    Model,
    Preset,
    Profiles,
    Timeout,
    Tls,
    TokenFile,
    connect,
    errors_on_one_line,
    fail,
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
    if sum(size is not None for size in (bpp, size_bytes, quality)) > 1:
        fail("--bpp, --bytes and --quality exclude one another; give one of them")
    options: Options = {
        "codec": codec,
        "bpp": bpp,
        "size_bytes": size_bytes,
        "quality": quality,
        "preset": policy,
    }
    credentials = Credentials(tls, ca, cert, key, token_file)
    with (
        errors_on_one_line(),
        connect(address, timeout, credentials, model=model, profiles=profiles) as client,
    ):
        if out.resolve() == image.resolve():
            fail(f"{out} is the image itself; choose another file with -o")
        if not out.parent.is_dir():
            fail(f"there is no folder {out.parent}; make it, or name another file with -o")
        analysis = analyze_for(client, image, target, target, options)
        [hint] = analysis.hints
        write_atomically(out, lambda file: file.write(hint.data))
    clamped = [each.message for each in analysis.reasons if each.code == "RATE_OUT_OF_RANGE"]
    grid = f"{hint.columns}x{hint.rows} cells of {hint.block} pixels" if hint.block else "no grid"
    say(
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


def has_profile(client: Client, encoder: str) -> bool:
    """Whether the server knows an encoder's own codec profile."""
    return encoder in {profile.name for profile in client.server_info().codecs}


def say(*lines: str) -> None:
    """Lines on stdout, without colours of their own."""
    console = Console()
    for line in lines:
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
