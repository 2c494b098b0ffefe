"""x264 and x265 through PyAV: one key frame, its regions of interest as FFmpeg side data.

Constant rate factor, since constant QP switches off adaptive quantisation, and with it the regions.
With regions it is turned down: by itself it takes bits from busy places, and small text on a busy
ground is what the regions are there to save.

x265 codes a block by the mean of the offsets inside, and its blocks are as large as its coding tree
units, 64x64 pixels: of a line of text 16 pixels high little is left of an offset (measured in
``docs/hints.md``). So with regions its units are as small as HEVC allows.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from io import BytesIO
from typing import TypeAlias

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.filter import Graph
from numpy.typing import NDArray

from riskmask.model.encoders.base import Encoded, finest_within, padding_note
from riskmask.model.encoders.errors import EncoderFailedError, UnreachableSizeError
from riskmask.model.encoders.hevc import coding_tree_unit
from riskmask.model.encoders.regions import addroi_arguments

COARSEST_CRF = 51
STEPS = 16  # of one crf
AQ_WITH_REGIONS = 0.25  # strength of adaptive quantisation; 1 is the encoders' own
CLOCK = Fraction(1, 25)
BT709, LIMITED = 1, 1  # numbers of ISO/IEC 23091-4 and of FFmpeg's AVColorRange
SRGB_CURVE = 13
VideoPacket: TypeAlias = "av.Packet[av.VideoStream]"
FORMATS = {".mp4": "mp4", ".h264": "h264", ".264": "h264", ".hevc": "hevc", ".265": "hevc"}


class X26x:
    """4:2:0, BT.709, preset medium, one thread, so that a file depends on nothing but its input."""

    hint_format = "ffmpeg-roi"

    def __init__(self, name: str) -> None:
        self.name = name
        self.description = f"{name} through PyAV, one intra picture, preset medium, 4:2:0, CRF"
        # Below 1 x264 codes without loss, in a profile of its own (High 4:4:4 Predictive) that few
        # decoders read.
        self._finest_crf = 1 if name == "x264" else 0
        if name == "x264":
            self.suffixes: tuple[str, ...] = (".mp4", ".h264", ".264")
            # The settings that x264 writes into the stream are 700 bytes; a still has no room.
            self._filter: str | None = "filter_units=remove_types=6"
            params = "threads=1"
        else:
            self.suffixes = (".mp4", ".hevc", ".265")
            self._filter = None
            # Quantiser groups as small as the map's blocks; without its settings in the stream.
            params = "pools=none:frame-threads=1:qg-size=16:info=0:log-level=none"
        self._params = params

    def encode(
        self, image: NDArray[np.uint8], size_bytes: int, hint: bytes | None, suffix: str
    ) -> Encoded:
        """See :class:`~riskmask.model.encoders.base.Encoder`."""
        height, width = image.shape[:2]
        regions = [] if hint is None else addroi_arguments(hint, height, width)
        even = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = _frame(even, regions)
        settings = (COARSEST_CRF - self._finest_crf) * STEPS + 1

        def search(options: Mapping[str, str]) -> tuple[int, bytes]:
            def coded(setting: int) -> bytes:
                return self._coded(frame, COARSEST_CRF - setting / STEPS, suffix, options)

            return finest_within(coded, settings, size_bytes, self.name)

        first, *others = self._ways(hint is not None, frame.width, frame.height)
        try:
            setting, data = search(first)
        except UnreachableSizeError:
            if not others:
                raise
            setting, data = search(others[0])
        crf = COARSEST_CRF - setting / STEPS
        return Encoded(
            data,
            quality=f"crf {crf:g}",
            setting=crf if hint is None else None,
            finest=setting == settings - 1,
            notes=padding_note(height, width, even.shape[0], even.shape[1]),
        )

    def _ways(self, has_regions: bool, width: int, height: int) -> list[Mapping[str, str]]:
        """Options to code with, and those for a size that these do not reach."""
        params = self._params
        if has_regions:
            params = f"{params}:aq-strength={AQ_WITH_REGIONS:g}"
        ways = [params]
        if has_regions and self.name == "x265":  # small units have a price at the coarsest quality
            ways = [f"{params}:ctu={coding_tree_unit(width, height)}", params]
        return [self._options(way) for way in ways]

    def _options(self, params: str) -> Mapping[str, str]:
        return {"preset": "medium", f"{self.name}-params": params}

    def at(self, image: NDArray[np.uint8], crf: float, suffix: str) -> bytes:
        """A file at a constant rate factor, all of the picture alike.

        Args:
            image: (H, W, 3) uint8 RGB, H and W even.
            crf: 0 to 51, lower is finer.
            suffix: one of ``suffixes``.

        Raises:
            EncoderFailedError: the encoder refused.
        """
        return self._coded(_frame(image, []), crf, suffix, self._options(self._params))

    def _coded(
        self, frame: av.VideoFrame, crf: float, suffix: str, options: Mapping[str, str]
    ) -> bytes:
        try:
            return self._file(frame, crf, FORMATS[suffix], options)
        except av.FFmpegError as error:
            raise EncoderFailedError(
                f"{self.name} refused a picture of {frame.width}x{frame.height} pixels: "
                f"{error.strerror}"
            ) from None

    def _file(
        self, frame: av.VideoFrame, crf: float, container: str, options: Mapping[str, str]
    ) -> bytes:
        buffer = BytesIO()
        with av.open(buffer, "w", format=container) as output:
            stream = output.add_stream(f"lib{self.name}", rate=1 / CLOCK)
            if not isinstance(stream, av.VideoStream):
                raise EncoderFailedError(f"lib{self.name} is no video encoder in this FFmpeg")
            stream.width, stream.height = frame.width, frame.height
            stream.pix_fmt = "yuv420p"
            context = stream.codec_context
            context.colorspace, context.color_primaries = BT709, BT709
            context.color_trc, context.color_range = SRGB_CURVE, LIMITED
            stream.options = {**options, "crf": f"{crf:g}"}
            for packet in self._packets(stream, frame):
                # One picture: whatever the encoder's delay, it is shown at once.
                packet.stream, packet.time_base = stream, CLOCK
                packet.pts, packet.dts, packet.duration = 0, 0, 1
                output.mux(packet)
        return buffer.getvalue()

    def _packets(self, stream: av.VideoStream, frame: av.VideoFrame) -> list[VideoPacket]:
        packets = [*stream.encode(frame), *stream.encode(None)]
        if self._filter is None:
            return packets
        unwanted = BitStreamFilterContext(self._filter, in_stream=stream)
        return [kept for packet in (*packets, None) for kept in unwanted.filter(packet)]


def _frame(image: NDArray[np.uint8], regions: list[str]) -> av.VideoFrame:
    """The picture as YCbCr 4:2:0 with its regions."""
    height, width = image.shape[:2]
    graph = Graph()
    last = source = graph.add(
        "buffer",
        f"video_size={width}x{height}:pix_fmt=yuv420p:time_base={CLOCK}:colorspace=bt709:range=tv",
    )
    for arguments in regions:
        added = graph.add("addroi", arguments)
        last.link_to(added)
        last = added
    sink = graph.add("buffersink")
    last.link_to(sink)
    graph.configure()
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    frame = picture.reformat(format="yuv420p", dst_colorspace="ITU709")
    frame.pts, frame.time_base, frame.color_range = 0, CLOCK, LIMITED
    source.push(frame)
    made = sink.pull()
    if not isinstance(made, av.VideoFrame):
        raise EncoderFailedError("FFmpeg's addroi filter gave no frame back")
    return made
