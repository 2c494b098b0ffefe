"""``riskmask``: analyse images, serve, ask a server what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from riskmask.client._inputs import check_names, collect
from riskmask.client._outputs import output_paths
from riskmask.client._report import print_server_info
from riskmask.client._run import Run
from riskmask.client.cli_connection import (
    FAILED,
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

app = typer.Typer(
    help="Which pixels of an image a neural codec would change in meaning, and what to do.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.command()
def analyze(
    images: Annotated[list[Path], typer.Argument(help="Image files, or folders of them.")],
    address: Address = None,
    codec: Annotated[str | None, typer.Option(help="Codec profile [server's default].")] = None,
    bpp: Annotated[float | None, typer.Option(help="Size asked for: bits per pixel.")] = None,
    size_bytes: Annotated[
        int | None, typer.Option("--bytes", help="Size asked for: bytes of the file.")
    ] = None,
    quality: Annotated[
        float | None, typer.Option(help="Size asked for: the codec's own quality.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for NAME.json, NAME.risk.png and NAME.overlay.png per image."),
    ] = None,
    policy: Preset = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Risk from which on a pixel belongs to a region, in (0, 1); for a laxer decision "
            "raise --max-error-probability too [the policy's; balanced: 0.3]."
        ),
    ] = None,
    max_error_probability: Annotated[
        float | None,
        typer.Option(
            help="Probability of a changed symbol or face in the image, from which on it is not "
            "encoded as asked, in (0, 1]; 1 leaves that to the regions [the policy's; balanced: "
            "0.1]."
        ),
    ] = None,
    hint: Annotated[
        list[str] | None,
        typer.Option(help="Also write NAME.FORMAT.hint, repeatable; riskmask info lists them."),
    ] = None,
    model: Model = None,
    profiles: Profiles = None,
    timeout: Timeout = 120.0,
    tls: Tls = False,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    token_file: TokenFile = None,
) -> None:
    """Say what a codec would change in images: decision, reasons, regions."""
    if sum(size is not None for size in (bpp, size_bytes, quality)) > 1:
        fail("--bpp, --bytes and --quality exclude one another; give one of them")
    formats = tuple(dict.fromkeys(hint or ()))
    if formats and out is None:
        fail("--hint writes files; name their folder with --out")
    run = Run(
        options={
            "codec": codec,
            "bpp": bpp,
            "size_bytes": size_bytes,
            "quality": quality,
            "preset": policy,
            "threshold": threshold,
            "max_error_probability": max_error_probability,
            "hint_formats": formats,
        },
        out=out,
        # in this process analyses run one at a time, and waiting must not count as work
        concurrency=1 if address is None else 2,
    )
    with errors_on_one_line():
        files = collect(images)
        if out is not None:
            outputs = (path for file in files for path in output_paths(file, out, formats))
            check_names(files, outputs)
            out.mkdir(parents=True, exist_ok=True)
        credentials = Credentials(tls, ca, cert, key, token_file)
        with connect(address, timeout, credentials, model=model, profiles=profiles) as client:
            failed = run.over(files, client)
    raise typer.Exit(FAILED if failed else 0)


@app.command()
def info(
    address: Address = None,
    model: Model = None,
    profiles: Profiles = None,
    timeout: Timeout = 10.0,
    tls: Tls = False,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    token_file: TokenFile = None,
) -> None:
    """Say what answers: model, codecs, hint formats, limits."""
    credentials = Credentials(tls, ca, cert, key, token_file)
    with (
        errors_on_one_line(),
        connect(address, timeout, credentials, model=model, profiles=profiles) as client,
    ):
        print_server_info(Console(), client.server_info())


def main() -> None:
    """The ``riskmask`` command."""
    # These add their commands to the app themselves.
    from riskmask.client import (  # noqa: F401
        cli_encode,
        cli_health,
        cli_hints,
        cli_profile,
        cli_verify,
    )
    from riskmask.client.cli_serve import serve

    app.command()(serve)
    app(prog_name="riskmask")
