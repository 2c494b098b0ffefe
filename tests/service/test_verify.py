"""``Verify`` over TCP, over the Unix socket and in this process: the same findings, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from riskmask.client import (
    AsyncClient,
    ChangeKind,
    Client,
    ContentType,
    InvalidImage,
    InvalidRequest,
    KnownRegion,
    LimitExceeded,
    NotSupported,
    RawImage,
    VerifyOptions,
)
from riskmask.client._transport import Transport
from riskmask.client._verify_messages import to_verify_message
from riskmask.v1 import riskmask_pb2 as pb
from riskmask.v1 import riskmask_pb2_grpc as pb_grpc

pytestmark = pytest.mark.usefixtures("annotators_loaded")

Pixels = NDArray[np.uint8]
Pair = tuple[bytes, bytes]
LINE = KnownRegion(ContentType.TEXT, box=(20, 20, 210, 50), transcription="SPEED 60")


@pytest.fixture(scope="module")
def pair(sign: Callable[[str], Pixels], encode: Callable[..., bytes]) -> Pair:
    """A sign, and what a decoder made of it: another digit and a stain."""
    changed = sign("SPEED 80")
    changed[60:92, 270:310] = (200, 40, 40)
    return encode(sign("SPEED 60")), encode(changed)


@pytest.mark.parametrize(
    "options",
    [{}, {"known_regions": [LINE]}, {"annotators": ["shape", "amplitude"], "priority": "batch"}],
    ids=["defaults", "a known region", "two annotators"],
)
def test_an_answer_is_the_same_bit_for_bit(
    transports: dict[str, Transport], pair: Pair, options: VerifyOptions
) -> None:
    request = to_verify_message(*pair, options)
    answers = {
        name: way.verify(request, 300).SerializeToString(deterministic=True)
        for name, way in transports.items()
    }
    assert len(answers["local"]) > 200
    assert answers["tcp"] == answers["local"]
    assert answers["unix"] == answers["local"]


async def test_both_clients_get_findings_with_their_evidence(
    server: Any, pair: Pair, tmp_path: Path
) -> None:
    paths = [tmp_path / "original.png", tmp_path / "reconstruction.png"]
    for path, content in zip(paths, pair, strict=True):
        path.write_bytes(content)
    with Client(server.addresses[1], timeout=300) as client:
        verification = client.verify(*paths)
    async with AsyncClient(server.addresses[0], timeout=300) as asynchronous:
        assert await asynchronous.verify(*pair) == verification
    [digit] = [finding for finding in verification.findings if finding.annotator == "text"]
    assert digit.evidence == "'SPEED 60' → 'SPEED 80'"
    assert (digit.content, digit.kind) == (ContentType.TEXT, ChangeKind.SHAPE)
    assert digit.high_impact
    assert digit.mask is None
    assert digit.region is not None
    assert verification.examined[digit.region].judged
    stain = next(each for each in verification.findings if each.annotator == "amplitude")
    x, y, width, height = stain.box
    assert x <= 270 < 310 <= x + width
    assert y <= 60 < 92 <= y + height
    assert stain.mask is not None
    assert stain.mask.to_array().shape == (-(-height // 4), -(-width // 4))
    assert stain.mask.to_array().any()
    content = json.loads(verification.to_json())
    assert content["findings"][0]["severity"] == verification.findings[0].severity
    assert [each["annotator"] for each in content["findings"]] == [
        finding.annotator for finding in verification.findings
    ]
    assert content["original"]["sha256"] == verification.original.sha256


def test_raw_frames_are_compared_as_their_files_are(
    server: Any, pair: Pair, sign: Callable[[str], Pixels]
) -> None:
    with Client(server.addresses[0], timeout=300) as client:
        mixed = client.verify(RawImage.from_array(sign("SPEED 60")), pair[1])
        assert mixed.findings == client.verify(*pair).findings
    assert (mixed.original.format, mixed.reconstruction.format) == ("RGB8", "PNG")


def test_what_cannot_be_compared_is_refused_the_same_everywhere(
    transports: dict[str, Transport], pair: Pair, encode: Callable[..., bytes]
) -> None:
    original, changed = pair
    outside = KnownRegion("TEXT", box=(310, 0, 40, 20))
    flipped = [KnownRegion("TEXT", box=box) for box in ((240, 30, -220, 50), (20, 80, 220, -50))]
    two = KnownRegion("TEXT", polygon=((1, 1), (9, 9)))
    icon = KnownRegion("SYMBOL", box=(20, 20, 40, 40), icon=("arrows", "up"))
    wrong: list[tuple[bytes, bytes, VerifyOptions, type[Exception], str, str]] = [
        (original, b"no image", {}, InvalidImage, "UNSUPPORTED_FORMAT", "reconstruction: "),
        (original[:99], changed, {}, InvalidImage, "CORRUPT_IMAGE", "original: "),
        (b"", changed, {}, InvalidImage, "EMPTY_IMAGE", "original: "),
        (original, encode(np.zeros((96, 321, 3), np.uint8)), {}, InvalidRequest,
         "SIZE_MISMATCH", "321x96"),
        (original, changed, {"annotators": ["smell"]}, InvalidRequest, "UNKNOWN_ANNOTATOR",
         "amplitude"),
        (original, changed, {"annotators": ["face"]}, NotSupported, "ANNOTATOR_MISSING",
         "face_detector"),
        (original, changed, {"known_regions": [icon]}, NotSupported, "ANNOTATOR_MISSING", "icons"),
        (original, changed, {"known_regions": [outside]}, InvalidRequest, "INVALID_REGION",
         "320x96"),
        (original, changed, {"known_regions": [two]}, InvalidRequest, "INVALID_REGION",
         "2 corners"),
        (original, changed, {"known_regions": flipped[:1]}, InvalidRequest, "INVALID_REGION",
         "no area"),
        (original, changed, {"known_regions": flipped[1:]}, InvalidRequest, "INVALID_REGION",
         "no area"),
        (original, changed, {"known_regions": [KnownRegion("TEXT")]}, InvalidRequest,
         "INVALID_REQUEST", "`box`"),
    ]  # fmt: skip
    for one, other, options, kind, reason, said in wrong:
        messages = set()
        for way in transports.values():
            with Client(transport=_Borrowed(way)) as client, pytest.raises(kind, match=said) as e:
                client.verify(one, other, timeout=60, **options)
            assert e.value.reason == reason  # type: ignore[attr-defined]
            messages.add(str(e.value))
        assert len(messages) == 1


class _Borrowed:
    """A transport that somebody else closes."""

    def __init__(self, transport: Transport) -> None:
        self.analyze = transport.analyze
        self.verify = transport.verify
        self.server_info = transport.server_info

    def close(self) -> None:
        pass


def test_a_missing_part_is_a_failed_precondition(server: Any, pair: Pair) -> None:
    images = [pb.Image(encoded=content) for content in pair]
    request = pb.VerifyRequest(
        original=images[0], reconstruction=images[1], annotators=["face", "text"]
    )
    with grpc.insecure_channel(server.addresses[0]) as channel:
        stub = pb_grpc.RiskServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Verify(request, timeout=60)
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        content = pb.KnownRegion(box=pb.Box(width=9, height=9))
        request = pb.VerifyRequest(
            original=images[0], reconstruction=images[1], known_regions=[content]
        )
        with pytest.raises(grpc.RpcError, match=r"known_regions\[0\]\.content") as caught:
            stub.Verify(request, timeout=60)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_the_server_says_which_annotators_it_has(server: Any) -> None:
    with Client(server.addresses[0]) as client:
        info = client.server_info()
    assert info.annotators == ("text", "symbol", "amplitude", "geometry", "shape")
    [face] = info.missing_annotators
    assert face.name == "face"
    assert "face_detector" in face.message


def test_limits_hold_for_both_images(start_server: Callable[..., Any], pair: Pair) -> None:
    flags = ("--max-image-pixels", "20000", "--max-image-bytes", "100000")
    with (
        start_server("--address", "127.0.0.1:0", *flags) as running,
        Client(running.addresses[0]) as client,
    ):
        with pytest.raises(LimitExceeded, match=r"original: .* at most 20000") as caught:
            client.verify(*pair)
        assert caught.value.reason == "IMAGE_TOO_LARGE"
        with pytest.raises(LimitExceeded, match=r"original: .* at most 100000"):
            client.verify(pair[0] + bytes(100_000), pair[1])


@pytest.mark.corpus
@pytest.mark.slow
def test_a_face_that_dissolved_is_found(start_server: Callable[..., Any]) -> None:
    import os

    import cv2

    folder = os.environ.get("RISKMASK_CORPUS")
    if not folder:
        pytest.skip("no corpus: it holds the face detector's file")
    [yunet] = (Path(folder) / "models").glob("yunet*.onnx")
    photograph = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
    pixels = np.asarray(cv2.imread(str(photograph)))[:, :, ::-1]
    changed = pixels.copy()
    changed[70:185, 165:280] = cv2.GaussianBlur(pixels, (0, 0), 14)[70:185, 165:280]
    flags = ("--address", "127.0.0.1:0", "--face-detector", str(yunet))
    with (
        start_server(*flags) as running,
        Client(running.addresses[0], timeout=300) as client,
    ):
        assert "face" in client.server_info().annotators
        verification = client.verify(
            photograph, RawImage.from_array(np.ascontiguousarray(changed)), annotators=["face"]
        )
    [finding] = verification.findings
    assert finding.content is ContentType.FACE
    assert finding.kind is ChangeKind.AMPLITUDE
    assert finding.evidence.startswith("face of somebody else")
