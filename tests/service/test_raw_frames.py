"""Raw frames over a real socket: the same answer as their PNG, or a clear error."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from riskmask.client import (
    AsyncClient,
    Client,
    ColorMatrix,
    ColorRange,
    InvalidImage,
    InvalidRequest,
    PixelFormat,
    Plane,
    RawImage,
)
from riskmask.v1 import riskmask_pb2 as pb
from riskmask.v1 import riskmask_pb2_grpc as pb_grpc

Pixels = NDArray[np.uint8]


def nv12(width: int, height: int, y: int, cb: int, cr: int) -> RawImage:
    """A picture of one colour."""
    chroma = np.empty((height // 2, width // 2, 2), np.uint8)
    chroma[...] = (cb, cr)
    planes = (Plane(bytes([y]) * (width * height)), Plane(chroma.tobytes()))
    return RawImage(PixelFormat.NV12, width, height, planes)


async def test_a_frame_is_answered_as_its_png_is(server: Any, scene: Pixels, png: bytes) -> None:
    raw = RawImage.from_array(scene)
    for address in server.addresses:
        with Client(address) as client:
            as_raw = client.analyze(raw, bpp=0.03, masks=["RISK"])
            as_png = client.analyze(png, bpp=0.03, masks=["RISK"])
            assert as_raw.image.format == "RGB8"
            assert replace(as_raw, image=as_png.image) == as_png
    async with AsyncClient(server.addresses[0]) as asynchronous:
        assert await asynchronous.analyze(raw, bpp=0.03, masks=["RISK"]) == as_raw


def test_matrix_range_and_rotation_arrive(server: Any) -> None:
    # limited BT.601 red
    red = replace(nv12(64, 32, 81, 90, 240), color_matrix=ColorMatrix.BT601)
    red = replace(red, color_range=ColorRange.LIMITED, rotation=90)
    with Client(server.addresses[0]) as client:
        analysis = client.analyze(red, bpp=0.01)
        assert (analysis.image.width, analysis.image.height) == (32, 64)
        assert analysis.image.format == "NV12"
        assert analysis.image.notes == (
            "converted from YCbCr BT601, limited range",
            "turned clockwise by 90 degrees as asked",
        )
        assert analysis.regions[0].content.text > 0.95
        assumed = client.analyze(nv12(64, 32, 81, 90, 240)).image.notes[0]
        assert assumed.endswith("its matrix and range not said but assumed")
        assert client.server_info().pixel_formats == tuple(PixelFormat)


def test_frames_that_do_not_fit_are_invalid_and_the_next_works(server: Any) -> None:
    good = nv12(64, 32, 81, 90, 240)
    luma, chroma = good.planes
    wrong = {
        "even width": replace(good, width=63),
        "plane Y has 2047 bytes": replace(good, planes=(Plane(luma.data[1:]), chroma)),
        "stride of plane CbCr": replace(good, planes=(luma, Plane(chroma.data, 63))),
        "2 planes": replace(good, planes=(luma,)),
    }
    with Client(server.addresses[1]) as client:
        for sentence, image in wrong.items():
            with pytest.raises(InvalidImage, match=sentence) as caught:
                client.analyze(image)
            assert caught.value.reason == "INVALID_IMAGE"
        assert client.analyze(good).image.width == 64
        with pytest.raises(InvalidRequest, match="rotation"):
            client.analyze(replace(good, rotation=45))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (pb.RawImage(width=2, height=2), "image.raw.pixel_format: set one of RGB8"),
        (pb.RawImage(pixel_format=99, width=2, height=2), "99 is none of RGB8"),  # type: ignore[arg-type]
        (pb.RawImage(pixel_format=pb.PIXEL_FORMAT_NV12, color_matrix=99), "99 is none of BT601"),  # type: ignore[arg-type]
        (pb.RawImage(pixel_format=pb.PIXEL_FORMAT_NV12, color_range=99), "99 is none of LIMITED"),  # type: ignore[arg-type]
        (pb.RawImage(pixel_format=pb.PIXEL_FORMAT_NV12, rotation=99), "99 is none of 90"),  # type: ignore[arg-type]
    ],
)
def test_names_that_do_not_exist_are_invalid(server: Any, raw: pb.RawImage, sentence: str) -> None:
    with grpc.insecure_channel(server.addresses[0]) as channel:
        stub = pb_grpc.RiskServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Analyze(pb.AnalyzeRequest(image=pb.Image(raw=raw)), timeout=10)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert sentence in str(caught.value.details())


def test_an_array_becomes_a_frame_or_is_refused() -> None:
    assert RawImage.from_array(np.zeros((2, 3), np.uint8)).pixel_format is PixelFormat.GRAY8
    assert RawImage.from_array(np.zeros((2, 3, 4), np.uint8)).pixel_format is PixelFormat.RGBA8
    turned = RawImage.from_array(np.arange(6, dtype=np.uint8).reshape(2, 3).T)
    assert turned.planes[0].data == bytes([0, 3, 1, 4, 2, 5])
    for wrong in (np.zeros((2, 3, 2), np.uint8), np.zeros((2, 3)), np.zeros(3, np.uint8)):
        with pytest.raises(InvalidImage, match="uint8, not"):
            RawImage.from_array(wrong)  # type: ignore[arg-type]
