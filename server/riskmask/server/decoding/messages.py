"""What a server and a decoding process say to each other, over a socket that keeps messages whole.

An image travels as a sealed memory file, whose descriptor goes with the message: the encoded bytes
one way, (H, W, 3) uint8 RGB the other. It has no name, so nothing is left behind by whoever dies.
"""

from __future__ import annotations

import errno
import fcntl
import json
import mmap
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from riskmask.server.engine.decode import DecodedImage, Limits
from riskmask.server.engine.errors import (
    CorruptImageError,
    EmptyImageError,
    EngineError,
    ImageTooLargeError,
    UnsupportedFormatError,
)
from riskmask.server.engine.values import ImageFacts

READY: Final = b"ready"
TAKEN: Final = (
    b"taken"  # comes before each answer: whoever dies without it did not die of the image
)
LONGEST: Final = 1 << 16
_NO_ROOM: Final = (errno.ENOMEM, errno.ENOSPC, errno.EMFILE, errno.ENFILE)
_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
# What decoding raises; MemoryError and what nobody foresaw have words of their own.
_REFUSALS: Final[dict[str, type[EngineError]]] = {
    kind.reason: kind
    for kind in (EmptyImageError, UnsupportedFormatError, CorruptImageError, ImageTooLargeError)
}
_MEMORY, _FAILED = "memory", "failed"


class BrokenAnswer(Exception):  # noqa: N818 - named for what came
    """The other side does not keep to the form; it is not to be trusted any further."""


def memory_file(content: bytes | memoryview) -> int:
    """A descriptor of these bytes, which nobody can change any more; the caller closes it.

    Raises:
        MemoryError: there is no room for them.
    """
    try:
        descriptor = os.memfd_create("riskmask", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError as error:
        raise _lack(error) from error
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
        os.lseek(descriptor, 0, os.SEEK_SET)  # whoever gets it shares the place
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    except OSError as error:
        os.close(descriptor)
        raise _lack(error) from error
    return descriptor


def _lack(error: OSError) -> Exception:
    """The error itself, or that of a lack of memory where it is one."""
    return MemoryError() if error.errno in _NO_ROOM else error


def write_limits(limits: Limits) -> bytes:
    """The question, beside the encoded image."""
    return json.dumps(asdict(limits)).encode()


def read_limits(message: bytes) -> Limits:
    """What :func:`write_limits` wrote."""
    return Limits(**json.loads(message))


def write_facts(facts: ImageFacts) -> bytes:
    """The answer, beside the pixels."""
    return json.dumps(asdict(facts)).encode()


def write_failure(error: Exception) -> bytes:
    """The answer where there are no pixels."""
    if isinstance(error, EngineError):
        return json.dumps({"error": error.reason, "message": str(error)}).encode()
    word = _MEMORY if isinstance(error, MemoryError) else _FAILED
    return json.dumps({"error": word}).encode()


def read_answer(message: bytes, descriptors: Sequence[int], limits: Limits) -> DecodedImage:
    """The picture, its pixels mapped and not copied.

    Args:
        message: the answer.
        descriptors: what came with it; the caller closes them.
        limits: that the picture must keep.

    Raises:
        EngineError: why there is no picture; its class is what decoding raised.
        MemoryError: the process had not enough of it, or this one has not.
        RuntimeError: decoding failed in a way that nobody foresaw; the process has logged it.
        BrokenAnswer: no answer as it should be.
    """
    try:
        content = json.loads(message)
        if "error" in content:
            raise _failure(content)
        (descriptor,) = descriptors
        facts = ImageFacts(**{**content, "notes": tuple(content["notes"])})
        limits.check_size(facts.width, facts.height)
        return DecodedImage(_pixels(descriptor, facts), facts)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise MemoryError from error
        raise BrokenAnswer(str(error)) from error
    except (ValueError, TypeError, KeyError) as error:
        raise BrokenAnswer(str(error)) from error


def _failure(content: dict[str, Any]) -> Exception:
    word = content["error"]
    if word in _REFUSALS:
        return _REFUSALS[word](content["message"])
    if word == _MEMORY:
        return MemoryError()
    return RuntimeError("a decoding process failed on an image")


def _pixels(descriptor: int, facts: ImageFacts) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Private to this process: written to, the array changes and the file does not.

    Raises:
        ValueError: the file is not of the size that the facts say, or could still change it.
    """
    size = facts.width * facts.height * 3
    if size < 1 or os.fstat(descriptor).st_size != size:
        raise ValueError("the pixels are not as many as was said")
    if fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
        raise ValueError("the pixels are not sealed")
    mapped = mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY)
    return np.frombuffer(mapped, np.uint8).reshape(facts.height, facts.width, 3)
