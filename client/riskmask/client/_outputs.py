"""The files that a run writes for each image."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from riskmask.client._overlay import draw_overlay
from riskmask.client._picture import load_for_display
from riskmask.client._types import Analysis, Mask, MaskType

OVERLAY_LONGEST = 2400
OPEN_FILES = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/")
SUFFIXES = {"kvazaar": "bin"}  # any other name it reads as text


def output_paths(image: Path, folder: Path, formats: Iterable[str] = ()) -> tuple[Path, ...]:
    """``NAME.json``, ``NAME.risk.png`` and ``NAME.overlay.png``; NAME keeps its extension.

    And ``NAME.FORMAT.hint`` for each hint format, ``NAME.kvazaar.bin`` for kvazaar.
    """
    return (
        folder / f"{image.name}.json",
        folder / f"{image.name}.risk.png",
        folder / f"{image.name}.overlay.png",
        *(folder / f"{image.name}.{name}.{SUFFIXES.get(name, 'hint')}" for name in formats),
    )


def write_outputs(image: Path, analysis: Analysis, folder: Path) -> None:
    """Writes the three files and the hints; each appears whole or not at all.

    The overlay comes last: it alone needs the picture.

    Args:
        image: the file that was analysed.
        analysis: with its RISK mask.
        folder: is there already.

    Raises:
        PictureError: the image cannot be shown; all but the overlay is written.
        OSError: a file cannot be written.
    """
    formats = [hint.format for hint in analysis.hints]
    as_json, as_risk, as_overlay, *as_hints = output_paths(image, folder, formats)
    for path, hint in zip(as_hints, analysis.hints, strict=True):
        write_atomically(path, partial(_write, hint.data))
    cells = analysis.mask(MaskType.RISK)
    size = (analysis.image.width, analysis.image.height)
    full = risk_picture(cells, size, size)
    write_atomically(as_risk, lambda file: full.save(file, "PNG"))
    text = analysis.to_json() + "\n"
    write_atomically(as_json, lambda file: file.write(text.encode()))
    picture = load_for_display(image, OVERLAY_LONGEST)
    overlay = draw_overlay(picture, risk_picture(cells, size, picture.size), analysis)
    write_atomically(as_overlay, lambda file: overlay.save(file, "PNG"))


def _write(data: bytes, file: BinaryIO) -> None:
    file.write(data)


def risk_picture(mask: Mask, image: tuple[int, int], size: tuple[int, int]) -> Image.Image:
    """A mask as an 8-bit grey picture of any size, bilinear between the centres of its cells.

    Args:
        mask: of the image.
        image: width and height of the upright image.
        size: width and height wanted.
    """
    with Image.open(BytesIO(mask.png), formats=["PNG"]) as cells:
        # the last cells may reach beyond the image
        box = (0, 0, image[0] / mask.stride, image[1] / mask.stride)
        return cells.convert("L").resize(size, Image.Resampling.BILINEAR, box=box)


def takes_its_place(path: Path) -> bool:
    """Whether a file may take this path's place: not a device's, a pipe's or a socket's.

    Nor that of a file that is open already, as ``/dev/stdout`` names it.
    """
    if str(path.absolute()).startswith(OPEN_FILES):
        return False
    return path.is_file() or not path.exists()


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes beside the path and renames, so that no reader ever sees half a file.

    A symbolic link stays, and what it leads to is replaced; a device or a pipe is written into.

    Raises:
        OSError: it cannot be written; the path is its ``filename``.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if takes_its_place(path):
            _replace(Path(os.path.realpath(path)), write)
        else:
            with path.open("ab") as file:  # what is open already is not cut
                write(file)
    except OSError as error:
        if error.errno is not None:  # not the name of the file that was to take its place
            error.filename = str(path)
            error.filename2 = None
        raise


def _replace(path: Path, write: Callable[[BinaryIO], object]) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".riskmask-", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)  # mkstemp's files are private
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
