"""kvazaar, inside the FFmpeg that imageio-ffmpeg brings, with its own ``roi`` file.

kvazaar's QP is a whole number, and one step of it is 12% of the file. The map can say more: a share
of the coding tree units gets a QP one higher, so that the mean QP takes any sixteenth that the
number of units allows.
"""

from __future__ import annotations

import struct
import subprocess
import tempfile
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from riskmask.model.encoders.base import Encoded, finest_within, padding_note
from riskmask.model.encoders.errors import EncoderFailedError, EncoderHintError

HEAD = struct.Struct("<2i")
TREE_UNIT = 64
SIDE_MULTIPLE = 8  # of the smallest coding unit, which kvazaar's sides must be
COARSEST_QP, FINEST_QP = 51, 0
STEPS = 16  # of one QP
TIMEOUT = 120.0  # seconds for one frame
FORMATS = {".mp4": "mp4", ".hevc": "hevc", ".265": "hevc"}
COLOURS = {
    "colorspace": "bt709",
    "color_primaries": "bt709",
    "color_trc": "iec61966-2-1",
    "color_range": "tv",
}


class Kvazaar:
    """4:2:0, BT.709, preset medium; sides are padded to a multiple of 8 and cropped again."""

    name = "kvazaar"
    hint_format = "kvazaar"
    suffixes = (".mp4", ".hevc", ".265")
    description = "kvazaar in FFmpeg, one intra picture, preset medium, 4:2:0, constant quantiser"

    def encode(
        self, image: NDArray[np.uint8], size_bytes: int, hint: bytes | None, suffix: str
    ) -> Encoded:
        """See :class:`~riskmask.model.encoders.base.Encoder`."""
        height, width = image.shape[:2]
        rows, columns = -(-height // TREE_UNIT), -(-width // TREE_UNIT)
        deltas = np.zeros((rows, columns), np.int64) if hint is None else _read(hint, height, width)
        padded, padding = _padded(image)
        # Units that are raised first lie far from one another.
        order = np.random.default_rng(0).permutation(rows * columns).reshape(rows, columns)

        with tempfile.TemporaryDirectory() as folder:

            def raised(setting: int) -> tuple[int, NDArray[np.bool_]]:
                qp, share = divmod((COARSEST_QP - FINEST_QP) * STEPS - setting, STEPS)
                return qp, order < share / STEPS * order.size

            def coded(setting: int) -> bytes:
                qp, more = raised(setting)
                return _file(padded, qp, deltas + more, padding, FORMATS[suffix], Path(folder))

            settings = (COARSEST_QP - FINEST_QP) * STEPS + 1
            setting, data = finest_within(coded, settings, size_bytes, self.name)
            qp, more = raised(setting)
        mean = qp + float(more.mean())
        return Encoded(
            data,
            quality=f"mean qp {mean:g}",
            setting=mean if hint is None else None,
            finest=setting == settings - 1,
            notes=padding_note(height, width, height + height % 2, width + width % 2),
        )

    def at(self, image: NDArray[np.uint8], qp: int, suffix: str) -> bytes:
        """A file at one quantisation parameter, all of the picture alike.

        Args:
            image: (H, W, 3) uint8 RGB, H and W even.
            qp: 0 to 51, lower is finer.
            suffix: one of ``suffixes``.

        Raises:
            EncoderFailedError: the encoder refused.
        """
        padded, padding = _padded(image)
        alike = np.zeros([-(-side // TREE_UNIT) for side in image.shape[:2]], np.int64)
        with tempfile.TemporaryDirectory() as folder:
            return _file(padded, qp, alike, padding, FORMATS[suffix], Path(folder))


def _padded(image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """The picture with its edge repeated up to kvazaar's multiple, and by how much."""
    height, width = image.shape[:2]
    padding = (-height % SIDE_MULTIPLE, -width % SIDE_MULTIPLE)
    return np.pad(image, ((0, padding[0]), (0, padding[1]), (0, 0)), mode="edge"), padding


def _read(hint: bytes, height: int, width: int) -> NDArray[np.int64]:
    rows, columns = -(-height // TREE_UNIT), -(-width // TREE_UNIT)
    wanted = HEAD.pack(columns, rows)
    if hint[: HEAD.size] != wanted or len(hint) != HEAD.size + rows * columns:
        raise EncoderHintError(
            f"this is no kvazaar map of {columns}x{rows} cells, which an image of "
            f"{width}x{height} pixels needs"
        )
    deltas = np.frombuffer(hint[HEAD.size :], np.int8).astype(np.int64)
    return deltas.reshape(rows, columns)


def _file(
    image: NDArray[np.uint8],
    qp: int,
    deltas: NDArray[np.int64],
    padding: tuple[int, int],
    container: str,
    folder: Path,
) -> bytes:
    height, width = image.shape[:2]
    # A delta beyond the QP's range would wrap around.
    limited = np.clip(deltas, FINEST_QP - qp, COARSEST_QP - qp).astype(np.int8)
    # kvazaar tells the binary form by the suffix; a bare name needs no escaping.
    (folder / "roi.bin").write_bytes(HEAD.pack(*reversed(limited.shape)) + limited.tobytes())
    output = folder / "still"
    crop = [side - side % 2 for side in padding]
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        *("-hide_banner", "-loglevel", "error", "-y"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-i", "-"),
        *("-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"),
        *("-frames:v", "1", "-c:v", "libkvazaar"),
        *("-kvazaar-params", f"preset=medium,qp={qp},info=0,threads=0,owf=0,roi=roi.bin"),
        *(word for name, value in COLOURS.items() for word in (f"-{name}", value)),
        *("-bsf:v", f"hevc_metadata=crop_bottom={crop[0]}:crop_right={crop[1]}"),
        *("-f", container, output.name),
    ]
    try:
        subprocess.run(
            command,
            input=image.tobytes(),
            cwd=folder,
            capture_output=True,
            check=True,
            timeout=TIMEOUT,
        )
    except (subprocess.SubprocessError, OSError):
        raise EncoderFailedError(
            f"kvazaar refused a picture of {width}x{height} pixels at qp {qp}"
        ) from None
    return output.read_bytes()
