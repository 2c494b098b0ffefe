"""Whom a command asks: options that all of them share, and the client that these make."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

from riskmask.client import Client, InvalidImage, RiskmaskError
from riskmask.client._messages import Options
from riskmask.client._outputs import takes_its_place
from riskmask.client._report import in_options, printable

FAILED: Final = 2
MOST_BYTES: Final = 1 << 30  # of a message; a server says itself what it takes

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
Preset = Annotated[
    str | None,
    typer.Option(
        "--policy",
        help="What counts as a risk: archive, balanced, evidence or thumbnail; riskmask info lists "
        "a server's [balanced].",
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        help="Risk from which on a pixel belongs to a region, in (0, 1); for a laxer decision "
        "raise --max-error-probability too [the policy's; balanced: 0.3]."
    ),
]
MaxErrorProbability = Annotated[
    float | None,
    typer.Option(
        help="Probability of a changed symbol or face in the image, from which on it is not "
        "encoded as asked, in (0, 1]; 1 leaves that to the regions [the policy's; balanced: 0.1]."
    ),
]
Timeout = Annotated[float, typer.Option(help="Seconds that one image may take.")]
Tls = Annotated[bool, typer.Option("--tls", help="Encrypt, and trust the system's authorities.")]
Ca = Annotated[
    Path | None, typer.Option(help="Encrypt: PEM of the authorities that the server is trusted by.")
]
Cert = Annotated[
    Path | None, typer.Option(help="PEM certificate chain of this client, with --key.")
]
Key = Annotated[Path | None, typer.Option(help="PEM private key of this client, with --cert.")]
TokenFile = Annotated[
    Path | None,
    typer.Option(help="Send the first token of this file; over TLS or a Unix socket only."),
]


@dataclass(frozen=True)
class Credentials:
    """How a command shows who it is and whom it trusts.

    Attributes:
        tls: encrypt; on by itself where there are certificates.
        ca: PEM of the authorities to trust instead of the system's.
        cert, key: PEM of this client, both or neither.
        token_file: tokens, one a line; empty lines and lines that begin with # do not count.
    """

    tls: bool = False
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    token_file: Path | None = None

    @property
    def given(self) -> bool:
        """Whether there are any."""
        return self != Credentials()

    def arguments(self) -> dict[str, Any]:
        """What a client takes.

        Raises:
            OSError: a file cannot be read.
        """
        if (self.cert is None) != (self.key is None):
            fail("--cert and --key go together; give both or neither")
        certificate = None
        if self.cert is not None and self.key is not None:
            certificate = (self.cert.read_bytes(), self.key.read_bytes())
        return {
            "tls": self.tls,
            "root_certificates": None if self.ca is None else self.ca.read_bytes(),
            "certificate": certificate,
            "token": None if self.token_file is None else first_token(self.token_file),
        }


def first_token(file: Path) -> str:
    """The first token of a file of the server's form.

    Raises:
        OSError: it cannot be read.
    """
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError:
        fail(f"{file}: not a text file")
    for line in lines:
        if line and not line.startswith("#"):
            return line
    fail(f"{file}: holds no token")


def connect(
    address: str | None,
    timeout: float,
    credentials: Credentials,
    **local: Path | None,
) -> Client:
    """A client of the server at the address, or of the engine in this process.

    Args:
        address: of a server; None for this process.
        timeout: seconds that a call may take.
        credentials: for a server.
        local: files of the engine in this process, by their option.

    Raises:
        RiskmaskError: the engine cannot be loaded, or a token would travel in clear.
        OSError: a file of the credentials cannot be read.
    """
    if address is None:
        if credentials.given:
            fail("--tls, --ca, --cert, --key and --token-file are for a server; give its --address")
        return Client.local(timeout=timeout, **local)
    if any(path is not None for path in local.values()):
        options = " and ".join(f"--{name.replace('_', '-')}" for name in local)
        fail(f"{options} are for a run without --address; the server has its own")
    return Client(address, timeout=timeout, max_message_bytes=MOST_BYTES, **credentials.arguments())


def question(
    codec: str | None,
    sizes: tuple[float | None, int | None, float | None],
    rules: tuple[str | None, float | None, float | None],
) -> Options:
    """What a command asks of an image.

    Args:
        codec: its profile.
        sizes: ``--bpp``, ``--bytes`` and ``--quality``, at most one of them.
        rules: ``--policy``, ``--threshold`` and ``--max-error-probability``.
    """
    if sum(size is not None for size in sizes) > 1:
        fail("--bpp, --bytes and --quality exclude one another; give one of them")
    bpp, size_bytes, quality = sizes
    preset, threshold, max_error_probability = rules
    return {
        "codec": codec,
        "bpp": bpp,
        "size_bytes": size_bytes,
        "quality": quality,
        "preset": preset,
        "threshold": threshold,
        "max_error_probability": max_error_probability,
    }


def has_profile(client: Client, encoder: str) -> bool:
    """Whether the server knows an encoder's own codec profile."""
    return encoder in {profile.name for profile in client.server_info().codecs}


def check_output(out: Path, *inputs: Path) -> None:
    """Refuses a file that could not be written, before anything is worked on."""
    target = Path(os.path.realpath(out))
    folder = target.parent if out.is_symlink() else out.parent
    if target in {Path(os.path.realpath(image)) for image in inputs}:
        fail(f"{out} is the image itself; choose another file with -o")
    if target.is_symlink():
        fail(f"{out}: a link that leads to itself; name another file with -o")
    if out.is_dir():
        fail(f"{out} is a folder; name a file in it with -o")
    if not folder.is_dir():
        fail(f"there is no folder {folder}; make it, or name another file with -o")
    if takes_its_place(out) and not os.access(folder, os.W_OK):
        fail(f"{folder}: no permission to write there; name another file with -o")


@contextmanager
def errors_on_one_line(image: Path | None = None) -> Iterator[None]:
    """Turns what this package raises, and what the file system refuses, into one line.

    Args:
        image: the only one that is looked at, to be named where it is at fault.
    """
    try:
        yield
    except InvalidImage as error:
        fail(error.message if image is None else f"{image}: {error.message}")
    except RiskmaskError as error:
        fail(in_options(error.message))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def fail(message: str) -> NoReturn:
    """One line on stderr, exit status 2."""
    typer.echo(f"riskmask: {printable(message)}", err=True)
    raise typer.Exit(FAILED)
