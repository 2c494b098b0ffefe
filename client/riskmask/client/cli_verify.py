"""``riskmask verify``: what a decoded image changed against its original."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from riskmask.client._findings_overlay import by_importance, draw_findings, summary
from riskmask.client._inputs import check_names, check_rereadable
from riskmask.client._outputs import OVERLAY_LONGEST, write_atomically
from riskmask.client._picture import PictureError, load_for_display
from riskmask.client._report import printable
from riskmask.client._verification import Finding, Verification, VerifyOptions
from riskmask.client.cli import app
from riskmask.client.cli_connection import (
    Address,
    Ca,
    Cert,
    Credentials,
    Key,
    Timeout,
    Tls,
    TokenFile,
    connect,
    errors_on_one_line,
    fail,
)

FINDINGS_SHOWN: Final = 20


@app.command()
def verify(
    original: Annotated[Path, typer.Argument(help="The image before it was encoded.")],
    reconstruction: Annotated[Path, typer.Argument(help="What the decoder made of it.")],
    address: Address = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for NAME.verify.json and NAME.verify.png, NAME the second's."),
    ] = None,
    annotator: Annotated[
        list[str] | None,
        typer.Option(help="Run this one alone, repeatable; riskmask info lists them."),
    ] = None,
    face_detector: Annotated[
        Path | None, typer.Option(help="In this process: YuNet's ONNX file, to verify faces.")
    ] = None,
    icons: Annotated[
        Path | None, typer.Option(help="In this process: a folder of FAMILY__NAME.svg.")
    ] = None,
    timeout: Timeout = 300.0,
    tls: Tls = False,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    token_file: TokenFile = None,
) -> None:
    """Say what a reconstruction changed in meaning: findings with their evidence."""
    options: VerifyOptions = {"annotators": tuple(annotator or ())}
    credentials = Credentials(tls, ca, cert, key, token_file)
    files = {"face_detector": face_detector, "icons": icons}
    with errors_on_one_line():
        if out is not None:
            check_rereadable(reconstruction)
            for image in (original, reconstruction):
                check_names([image], output_paths(reconstruction, out))
            out.mkdir(parents=True, exist_ok=True)
        with connect(address, timeout, credentials, **files) as client:
            verification = client.verify(original, reconstruction, **options)
        print_verification(Console(emoji=False), reconstruction, verification)
        if out is not None:
            try:
                write_outputs(reconstruction, verification, out)
            except PictureError as error:
                fail(f"all is written but the overlay: {error}")


def output_paths(reconstruction: Path, folder: Path) -> tuple[Path, Path]:
    """``NAME.verify.json`` and ``NAME.verify.png``; NAME keeps its extension."""
    name = reconstruction.name
    return folder / f"{name}.verify.json", folder / f"{name}.verify.png"


def write_outputs(reconstruction: Path, verification: Verification, folder: Path) -> None:
    """Writes both files; each appears whole or not at all.

    Raises:
        PictureError: the image cannot be shown; the JSON is written.
        OSError: a file cannot be written.
    """
    as_json, as_overlay = output_paths(reconstruction, folder)
    text = verification.to_json() + "\n"
    write_atomically(as_json, lambda file: file.write(text.encode()))
    overlay = draw_findings(load_for_display(reconstruction, OVERLAY_LONGEST), verification)
    write_atomically(as_overlay, lambda file: overlay.save(file, "PNG"))


def print_verification(console: Console, image: Path, verification: Verification) -> None:
    """What was found, high impact first, then by severity."""
    facts = verification.reconstruction
    head = Text(printable(image.name), style="bold")
    head.append("  ")
    head.append(summary(verification), style="bold red" if verification.findings else "bold green")
    console.print(head, soft_wrap=True)
    console.print(
        f"  {facts.width} x {facts.height} {facts.format}; by {', '.join(verification.annotators)}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    for name, said in (("original", verification.original), ("reconstruction", facts)):
        for note in said.notes:
            line = f"  note on the {name}: {printable(note)}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    if verification.findings:
        console.print(findings_table(verification.findings))
    more = len(verification.findings) - FINDINGS_SHOWN
    if more > 0:
        console.print(f"  and {more} more findings", markup=False, highlight=False)


def findings_table(findings: tuple[Finding, ...]) -> Table:
    """One row per finding, at most 20."""
    table = Table(box=None, padding=(0, 1), header_style="bold")
    table.add_column("x, y, w, h", no_wrap=True)
    table.add_column("by", no_wrap=True)
    table.add_column("severity", no_wrap=True)
    table.add_column("evidence", overflow="fold")
    for finding in by_importance(findings)[:FINDINGS_SHOWN]:
        table.add_row(
            ", ".join(str(number) for number in finding.box),
            finding.annotator,
            f"{finding.severity:.2f}{' high' if finding.high_impact else ''}",
            Text(printable(finding.evidence)),
        )
    return table
