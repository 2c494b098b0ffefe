"""``riskmask``: analyse images, serve, ask a server what it is."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from riskmask.client._inputs import check_names, check_rereadable, collect
from riskmask.client._outputs import output_paths
from riskmask.client._report import print_server_info
from riskmask.client._run import Run
from riskmask.client._types import Decision
from riskmask.client.cli_connection import (
    FAILED,
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
    connect,
    errors_on_one_line,
    fail,
    has_profile,
    question,
)

UNWANTED: Final = 1  # exit status where a decision is one of --fail-on

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def print_version(wanted: bool) -> None:
    """``riskmask --version``."""
    if wanted:
        typer.echo(metadata.version("riskmask"))
        raise typer.Exit


@app.command()
def analyze(
    images: Annotated[list[Path], typer.Argument(help="Image files, or folders of them.")],
    address: Address = None,
    codec: Annotated[
        str | None,
        typer.Option(help="Codec profile [of the only --hint if it has one, or the default]."),
    ] = None,
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
    threshold: Threshold = None,
    max_error_probability: MaxErrorProbability = None,
    hint: Annotated[
        list[str] | None,
        typer.Option(
            help="Also write NAME.FORMAT.hint (NAME.kvazaar.bin), repeatable; riskmask info lists "
            "them."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON for each image instead of a table.")
    ] = False,
    fail_on: Annotated[
        list[Decision] | None,
        typer.Option(help="Exit with status 1 where an image gets this decision, repeatable."),
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
    rules = policy, threshold, max_error_probability
    options = question(codec, (bpp, size_bytes, quality), rules)
    formats = tuple(dict.fromkeys(hint or ()))
    if formats and out is None:
        fail("--hint writes files; name their folder with --out")
    options["hint_formats"] = formats
    run = Run(options, out, as_json=as_json)
    with errors_on_one_line():
        files = collect(images)
        if out is not None:
            for file in files:
                check_rereadable(file)
            outputs = (path for file in files for path in output_paths(file, out, formats))
            check_names(files, outputs)
            out.mkdir(parents=True, exist_ok=True)
        credentials = Credentials(tls, ca, cert, key, token_file)
        with connect(address, timeout, credentials, model=model, profiles=profiles) as client:
            if codec is None and len(formats) == 1 and has_profile(client, formats[0]):
                run = replace(run, options={**options, "codec": formats[0]})
            failed, decisions = run.over(files, client)
    unwanted = decisions & set(fail_on or ())
    raise typer.Exit(FAILED if failed else UNWANTED if unwanted else 0)


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
        print_server_info(Console(emoji=False), client.server_info())


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=print_version, help="Print the version."),
    ] = False,
) -> None:
    """Which pixels of an image a neural codec would change in meaning, and what to do."""


def main() -> None:
    """The ``riskmask`` command."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its log says nothing that an error does not
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
