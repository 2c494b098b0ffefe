"""Whatever arrives is answered right or refused clearly, and the next request works."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from riskmask.client import Client, InvalidImage, LimitExceeded, RiskmaskError

Encode = Callable[..., bytes]


def claims(width: int, height: int) -> bytes:
    """A PNG whose header claims a size and which holds no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("spoil", "kind", "reason"),
    [
        (lambda png: b"", InvalidImage, "EMPTY_IMAGE"),
        (lambda png: b"%PDF-1.7 " * 100, InvalidImage, "UNSUPPORTED_FORMAT"),
        (lambda png: png[: len(png) // 2], InvalidImage, "CORRUPT_IMAGE"),
        (lambda png: png[:60] + bytes(60) + png[120:], InvalidImage, "CORRUPT_IMAGE"),
        (lambda png: claims(65535, 65535), LimitExceeded, "IMAGE_TOO_LARGE"),
        (lambda png: claims(2**31 - 1, 1), LimitExceeded, "IMAGE_TOO_LARGE"),
    ],
    ids=["empty", "no image", "truncated", "corrupt", "65535 squared", "2^31 wide"],
)
def test_what_is_no_image_is_refused_and_the_next_works(
    server: Any,
    png: bytes,
    spoil: Callable[[bytes], bytes],
    kind: type[RiskmaskError],
    reason: str,
) -> None:
    for address in server.addresses:
        with Client(address) as client:
            with pytest.raises(kind) as caught:
                client.analyze(spoil(png))
            assert caught.value.reason == reason
            assert client.analyze(png).image.width == 160


@pytest.mark.parametrize("size", [(1, 1), (1, 20000), (20000, 1), (3, 5)])
def test_odd_sizes_are_answered(server: Any, encode: Encode, size: tuple[int, int]) -> None:
    with Client(server.addresses[0]) as client:
        analysis = client.analyze(encode(Image.new("RGB", size, "red")), masks=["RISK"])
    assert (analysis.image.width, analysis.image.height) == size
    cells = analysis.masks[0].to_array()
    assert cells.shape == (-(-size[1] // 4), -(-size[0] // 4))


def test_unusual_pictures_are_answered_with_notes(
    server: Any, encode: Encode, scene: NDArray[np.uint8]
) -> None:
    picture = Image.fromarray(scene)
    translucent = picture.copy()
    translucent.putalpha(Image.new("L", picture.size, 128))
    turned = Image.Exif()
    turned[0x0112] = 6
    frames = io.BytesIO()
    picture.save(frames, "GIF", save_all=True, append_images=[picture.rotate(180)])
    images = {
        "16 bit": encode(Image.fromarray(scene[..., 0].astype(np.uint16) * 257), "PNG"),
        "CMYK": encode(picture.convert("CMYK"), "JPEG"),
        "alpha": encode(translucent, "PNG"),
        "turned": encode(picture, "JPEG", exif=turned),
        "animated": frames.getvalue(),
    }
    with Client(server.addresses[1]) as client:
        facts = {name: client.analyze(image).image for name, image in images.items()}
    assert all(fact.notes for fact in facts.values())
    assert (facts["turned"].width, facts["turned"].height) == (96, 160)


def test_a_request_over_the_message_limit_is_refused(server: Any, png: bytes) -> None:
    limit = 1 << 20
    with Client(server.addresses[0], max_message_bytes=limit) as client:
        with pytest.raises(LimitExceeded) as caught:
            client.analyze(png + bytes(limit))
        assert caught.value.reason == "MESSAGE_TOO_LARGE"
        assert client.analyze(png).image.width == 160


def test_a_request_over_the_servers_limit_is_refused(server: Any, png: bytes) -> None:
    with Client(server.addresses[1], max_message_bytes=1 << 30) as client:
        assert client.server_info().limits.max_message_bytes == 72 << 20
        with pytest.raises(LimitExceeded) as caught:
            client.analyze(png + bytes(73 << 20))
        assert caught.value.reason == "MESSAGE_TOO_LARGE"
        assert client.analyze(png).image.width == 160


def test_the_limits_on_images_are_settings_and_are_said(
    start_server: Callable[..., Any], png: bytes, encode: Encode
) -> None:
    limits = ("--max-image-bytes", "5000", "--max-image-pixels", "20000", "--max-image-side", "900")
    with (
        start_server("--address", "127.0.0.1:0", *limits) as running,
        Client(running.addresses[0]) as client,
    ):
        said = client.server_info().limits
        assert (said.max_image_bytes, said.max_image_pixels, said.max_image_side) == (
            5000,
            20000,
            900,
        )
        assert client.analyze(png).image.width == 160
        for image, sentence in (
            (png + bytes(5000), "at most 5000 are"),
            (encode(Image.new("L", (200, 101))), "at most 20000 are"),
            (encode(Image.new("L", (901, 1))), "at most 900 pixels"),
        ):
            with pytest.raises(LimitExceeded, match=sentence) as caught:
                client.analyze(image)
            assert caught.value.reason == "IMAGE_TOO_LARGE"
