"""``riskmask``: analyse images, serve, ask a server what it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
from rich.console import Console

from riskmask.client import Client, RiskmaskError
from riskmask.client._inputs import check_names, collect
from riskmask.client._outputs import output_paths
from riskmask.client._report import print_server_info, printable
from riskmask.client._run import Run

app = typer.Typer(
    help="Which pixels of an image a neural codec would change in meaning, and what to do.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

FAILED: Final = 2
DEFAULT_THRESHOLD: Final = 0.3

Address = Annotated[
    str | None,
    typer.Option(help="A server, HOST:PORT or unix:PATH. Without it: in this process."),
]
Model = Annotated[
    Path | None, typer.Option(help="In this process: an ONNX file instead of the packaged model.")
]
Profiles = Annotated[
    Path | None, typer.Option(help="In this process: a folder of further codec profiles.")
]
Timeout = Annotated[float, typer.Option(help="Seconds that one image may take.")]


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
    threshold: Annotated[
        float, typer.Option(help="Risk from which on a pixel belongs to a region, in (0, 1).")
    ] = DEFAULT_THRESHOLD,
    hint: Annotated[
        list[str] | None,
        typer.Option(help="Also write NAME.FORMAT.hint, repeatable; riskmask info lists them."),
    ] = None,
    model: Model = None,
    profiles: Profiles = None,
    timeout: Timeout = 120.0,
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
            "threshold": threshold,
            "hint_formats": formats,
        },
        out=out,
        threshold=threshold,
        # in this process analyses run one at a time, and waiting must not count as work
        concurrency=1 if address is None else 2,
    )
    with errors_on_one_line():
        files = collect(images)
        if out is not None:
            outputs = (path for file in files for path in output_paths(file, out, formats))
            check_names(files, outputs)
            out.mkdir(parents=True, exist_ok=True)
        with connect(address, model, profiles, timeout) as client:
            failed = run.over(files, client)
    raise typer.Exit(FAILED if failed else 0)


@app.command()
def info(
    address: Address = None,
    model: Model = None,
    profiles: Profiles = None,
    timeout: Timeout = 10.0,
) -> None:
    """Say what answers: model, codecs, hint formats, limits."""
    with errors_on_one_line(), connect(address, model, profiles, timeout) as client:
        print_server_info(Console(), client.server_info())


def connect(
    address: str | None, model: Path | None, profiles: Path | None, timeout: float
) -> Client:
    """A client of the server at the address, or of the engine in this process."""
    if address is None:
        return Client.local(model=model, profiles=profiles, timeout=timeout)
    if model is not None or profiles is not None:
        fail("--model and --profiles are for a run without --address; the server has its own")
    return Client(address, timeout=timeout)


@contextmanager
def errors_on_one_line() -> Iterator[None]:
    """Turns what this package raises, and what the file system refuses, into one line."""
    try:
        yield
    except RiskmaskError as error:
        fail(error.message)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def fail(message: str) -> NoReturn:
    """One line on stderr, exit status 2."""
    typer.echo(f"riskmask: {printable(message)}", err=True)
    raise typer.Exit(FAILED)


def main() -> None:
    """The ``riskmask`` command."""
    # These add their commands to the app themselves.
    from riskmask.client import cli_encode, cli_hints, cli_profile  # noqa: F401
    from riskmask.client.cli_serve import serve

    app.command()(serve)
    app(prog_name="riskmask")
