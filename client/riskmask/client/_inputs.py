"""Which images a run is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from riskmask.client._errors import InvalidRequest

SUFFIXES: Final = frozenset(
    f".{name}"
    for name in ("jpg", "jpeg", "jpe", "jfif", "png", "webp", "avif", "tif", "tiff", "gif", "heic")
)
DRAWN: Final = (".risk.png", ".overlay.png", ".verify.png")  # endings of riskmask's own pictures


def collect(paths: Iterable[Path]) -> list[Path]:
    """The files themselves, and in place of each folder its image files, sorted by name.

    A folder is not searched below its own files; hidden files and what riskmask itself draws are
    left out.

    Raises:
        InvalidRequest: a folder holds no image or cannot be read.
    """
    images: list[Path] = []
    for path in paths:
        if not path.is_dir():
            images.append(path)
            continue
        try:
            found = sorted(file for file in path.iterdir() if _looks_like_image(file))
        except OSError as error:
            raise InvalidRequest("UNREADABLE_FOLDER", f"{path}: {error.strerror}") from None
        if not found:
            raise InvalidRequest("NO_IMAGES", f"{path}: no image files in this folder")
        images.extend(found)
    return images


def _looks_like_image(file: Path) -> bool:
    looks_so = file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
    return looks_so and not file.name.endswith(DRAWN) and file.is_file()


def check_rereadable(image: Path) -> None:
    """Makes sure that an image can be read once more, to be drawn or encoded.

    Raises:
        InvalidRequest: it is a pipe or a device.
    """
    if image.exists() and not image.is_file():
        raise InvalidRequest(
            "NOT_A_FILE", f"{image}: can be read only once; write it to a file and name that"
        )


def check_names(images: Sequence[Path], outputs: Iterable[Path]) -> None:
    """Makes sure that no file of a run would replace another, or an image that it reads.

    Args:
        images: the inputs, whose file names name the outputs.
        outputs: every path that the run is going to write.

    Raises:
        InvalidRequest: naming the two inputs, or the input that is in the way.
    """
    seen: dict[str, Path] = {}
    for image in images:
        other = seen.setdefault(image.name, image)
        if other is not image:
            raise InvalidRequest(
                "NAME_CLASH", f"{other} and {image} would write the same files; run them apart"
            )
    sources = {image.resolve(): image for image in images}
    for output in outputs:
        if output.resolve() in sources:
            raise InvalidRequest(
                "NAME_CLASH", f"{output} is an input of this run; choose another --out"
            )
