"""Which annotators this installation can run, told without loading any of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from riskmask.server.engine.errors import AnnotatorMissingError, UnknownAnnotatorError
from riskmask.server.errors import Unimplemented

# Loaded with the first annotator, whichever it is.
_SHARED: Final = ("cv2", "onnxruntime", "rapidocr", "skimage", "zxingcpp")
# In the order in which they run: modules that an annotator needs beside those.
ANNOTATORS: Final[Mapping[str, tuple[str, ...]]] = {
    "text": (),
    "symbol": (),
    "face": ("dlib", "face_recognition_models"),
    "amplitude": (),
    "geometry": (),
    "shape": (),
}
ICONS: Final = ("resvg_py",)
INSTALL: Final = "pip install 'riskmask[verify]'"
YUNET: Final = "YuNet's ONNX file, which OpenCV's model zoo has"


@dataclass(frozen=True)
class AnnotatorFiles:
    """Files that do not come with the package.

    Attributes:
        face_detector: YuNet's ONNX file; without it faces are not examined.
        icons: a folder of ``FAMILY__NAME.svg``; without it only barcodes are known as symbols.
    """

    face_detector: Path | None = None
    icons: Path | None = None


def available(files: AnnotatorFiles) -> tuple[str, ...]:
    """Names of the annotators that can run, in the order in which they do."""
    if _absent(_SHARED):
        return ()
    lacking = missing(files)
    return tuple(name for name in ANNOTATORS if name not in lacking)


def missing(files: AnnotatorFiles) -> dict[str, str]:
    """The others, and what each wants, in a sentence."""
    if absent := _absent(_SHARED):
        return dict.fromkeys(ANNOTATORS, f"needs {', '.join(absent)}: {INSTALL}")
    wants = {
        name: f"needs {', '.join(absent)}: {INSTALL}"
        for name, modules in ANNOTATORS.items()
        if (absent := _absent(modules))
    }
    if files.face_detector is None:
        wants.setdefault("face", f"needs the option face_detector: {YUNET}")
    return wants


def check_installed() -> None:
    """Makes sure that annotators are installed at all.

    Raises:
        Unimplemented: they are not; the message says what to install.
    """
    if absent := _absent(_SHARED):
        raise Unimplemented(
            "VERIFY_UNIMPLEMENTED",
            f"this server does not compare reconstructions: it lacks {', '.join(absent)}; install "
            f"the annotators beside it: {INSTALL}",
        )


def choose(names: tuple[str, ...], files: AnnotatorFiles) -> tuple[str, ...]:
    """The annotators asked for, once each and in the order in which they run; none is all.

    Raises:
        UnknownAnnotatorError: there is none of a name.
        AnnotatorMissingError: one exists and cannot run here.
    """
    for name in names:
        if name not in ANNOTATORS:
            raise UnknownAnnotatorError(name, ANNOTATORS)
    lacking = missing(files)
    for name in names:
        if name in lacking:
            raise AnnotatorMissingError(f"annotator {name}: {lacking[name]}")
    wanted = names or available(files)
    return tuple(name for name in ANNOTATORS if name in wanted)


def check_icons(files: AnnotatorFiles) -> None:
    """Makes sure that icons can be compared.

    Raises:
        AnnotatorMissingError: there is no folder of icons, or what draws them is not installed.
    """
    if files.icons is None:
        raise AnnotatorMissingError(
            "annotator symbol: icons need the option icons: a folder of FAMILY__NAME.svg"
        )
    if absent := _absent(ICONS):
        raise AnnotatorMissingError(f"annotator symbol: icons need {', '.join(absent)}: {INSTALL}")


def _absent(modules: tuple[str, ...]) -> list[str]:
    return [name for name in modules if find_spec(name) is None]
