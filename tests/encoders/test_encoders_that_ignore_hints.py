"""Encoders that take FFmpeg's regions of interest and do nothing with them on a still.

Each test fails on the day that its encoder begins to listen; then the format's effectiveness, and
the table of docs/hints.md, change.
"""

from __future__ import annotations

from collections.abc import Callable

import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

from riskmask.server.engine.hint_formats.canonical import CanonicalMap
from riskmask.server.engine.hints import HINT_FORMATS

SEEN = "9.0.2"  # FFmpeg, with SVT-AV1 4.2

IGNORE = {
    "libsvtav1": ("-c:v", "libsvtav1", "-crf", "45", "-preset", "8", "-f", "ivf"),
    "libaom": ("-c:v", "libaom-av1", "-crf", "45", "-cpu-used", "8", "-f", "ivf"),
    "libvpx-vp9": ("-c:v", "libvpx-vp9", "-crf", "45", "-b:v", "0", "-f", "ivf"),
    # The only mode in which FFmpeg hands libvpx the map at all.
    "libvpx-vp9 in real time": (
        *("-c:v", "libvpx-vp9", "-crf", "45", "-b:v", "0", "-deadline", "realtime"),
        *("-cpu-used", "6", "-aq-mode", "0", "-f", "ivf"),
    ),
    "libvvenc": ("-c:v", "libvvenc", "-qp", "38", "-preset", "faster", "-f", "vvc"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", IGNORE)
def test_a_hint_changes_no_byte(
    name: str, portrait: NDArray[np.uint8], wanted: CanonicalMap, ffmpeg: Callable[..., bytes]
) -> None:
    chain = HINT_FORMATS["ffmpeg-addroi"].export(wanted).data.decode()
    pixels = ",format=yuv420p10le" if name == "libvvenc" else ",format=yuv420p"
    without = ffmpeg(portrait, "-vf", f"null{pixels}", *IGNORE[name])
    with_hint = ffmpeg(portrait, "-vf", f"{chain}{pixels}", *IGNORE[name])
    version = imageio_ffmpeg.get_ffmpeg_version()
    assert len(without) > 1000
    assert with_hint == without, (
        f"{name} of FFmpeg {version} obeys regions of interest on stills; {SEEN} did not"
    )
