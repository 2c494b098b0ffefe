"""A user's codec as a Python callable: ``code(image, quality) -> (reconstruction, stream)``."""

from __future__ import annotations

import importlib
import importlib.util
import operator
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray


class PluginError(ValueError):
    """The plug-in cannot be loaded or gives something that is no coded picture."""


@dataclass(frozen=True)
class CodedPicture:
    """What came out of the codec.

    Attributes:
        image: (H, W, 3) uint8 RGB, the size of what went in.
        bpp: bits per pixel of the stream.
    """

    image: NDArray[np.uint8]
    bpp: float


@dataclass(frozen=True)
class Plugin:
    """A codec that is called with a picture and a quality.

    Attributes:
        name: as the user wrote it.
        code: takes an (H, W, 3) uint8 RGB array, which it must not change, and a quality; returns
            the reconstruction, an array of the same shape and type, and the stream as bytes, or
            its length in bytes.
    """

    name: str
    code: Callable[[NDArray[np.uint8], float], Any]

    @classmethod
    def load(cls, name: str) -> Plugin:
        """Import ``package.module:callable`` or ``path/to/file.py:callable``.

        Raises:
            PluginError: there is no such thing, or importing it fails.
        """
        place, _, attribute = name.rpartition(":")
        if not place or not attribute:
            raise PluginError(f"name the codec MODULE:CALLABLE or FILE.py:CALLABLE, not {name!r}")
        module = _module(place)
        code = getattr(module, attribute, None)
        if not callable(code):
            raise PluginError(f"{place} has no callable {attribute}")
        return cls(name, code)

    def run(self, image: NDArray[np.uint8], quality: float) -> CodedPicture:
        """Code one picture.

        Raises:
            PluginError: the codec fails, or what it returns is not as it should be.
        """
        locked = image.copy()
        locked.flags.writeable = False
        try:
            result = self.code(locked, quality)
            if not isinstance(result, tuple) or len(result) != 2:
                raise PluginError(f"{self.name} must return (reconstruction, stream)")
            decoded, stream = np.asarray(result[0]), result[1]
        except PluginError:
            raise
        except Exception as error:  # the user's code, and what it returned, may raise anything
            raise PluginError(
                f"{self.name} failed at quality {quality:g}: {type(error).__name__}: {error}"
            ) from error
        if decoded.shape != image.shape or decoded.dtype != np.uint8:
            raise PluginError(
                f"{self.name} returned {decoded.dtype} of shape {decoded.shape}; the "
                f"reconstruction must be uint8 of shape {image.shape}"
            )
        size = _bytes_of(stream)
        if size is None or size <= 0:
            raise PluginError(
                f"{self.name} must return the stream as bytes, or its length over 0, as second"
            )
        return CodedPicture(decoded, 8 * size / (image.shape[0] * image.shape[1]))


def _bytes_of(stream: object) -> int | None:
    if isinstance(stream, bytes | bytearray | memoryview):
        return memoryview(stream).nbytes
    if isinstance(stream, bool) or not isinstance(stream, SupportsIndex):
        return None
    return operator.index(stream)  # NumPy's integers too


def _module(place: str) -> ModuleType:
    """Import a module, or a file by its name, from its own folder or else from the current one."""
    path = Path(place)
    by_file = place.endswith(".py")
    if by_file and not path.is_file():
        raise PluginError(f"there is no file {place}")
    folder = str(path.parent.resolve() if by_file else Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        return _from_file(path) if by_file else importlib.import_module(place)
    except Exception as error:  # importing runs the user's code
        raise PluginError(f"importing {place} failed: {type(error).__name__}: {error}") from error


def _from_file(path: Path) -> ModuleType:
    """The file itself, by its own name unless a module from elsewhere has that already."""
    name = path.stem
    if name in sys.modules:
        there = getattr(sys.modules[name], "__file__", None)
        if there is not None and Path(there).resolve() == path.resolve():
            return sys.modules[name]
        name = f"_riskmask_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
