"""The ways on which a damaged image reaches a server, and what its caller is told on each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import grpc

from riskmask.client import Client, InvalidRequest, LimitExceeded, RiskmaskError
from riskmask.client._errors import from_status
from riskmask.v1 import riskmask_pb2 as pb
from riskmask.v1 import riskmask_pb2_grpc as pb_grpc

# Small files, within the limits on pixels: neither may take a decoder with it, nor all its memory.
FAULTS = ("DECODER_CRASHED", "OUT_OF_MEMORY")
Outcome = tuple[str, bool]


class Way(StrEnum):
    """Which call takes the image, and as what."""

    ANALYZE = "Analyze"
    STREAM = "AnalyzeStream"
    ORIGINAL = "Verify, as the original"
    RECONSTRUCTION = "Verify, as the reconstruction"


def way_of(number: int, verifies: bool) -> Way:
    """The way of an image of a run.

    Verifying takes many times as long as analysing, so one in 25 is.

    Args:
        number: of the image, from 0.
        verifies: whether the server does.
    """
    if number % 25 == 7 and verifies:
        return (Way.ORIGINAL, Way.RECONSTRUCTION)[number // 25 % 2]
    return Way.STREAM if number % 8 == 3 else Way.ANALYZE


class Asked:
    """A server that is asked on any way.

    Args:
        client: of the server.
        stub: of its service.
        seconds: that an answer may take.

    Attributes:
        verifies: whether the extra ``verify`` is installed there.
    """

    def __init__(self, client: Client, stub: Any, seconds: float) -> None:
        self._client = client
        self._stub = stub
        self._seconds = seconds
        self.verifies = bool(client.server_info().annotators)

    def outcome(self, way: Way, content: bytes, intact: bytes) -> Outcome:
        """What the caller was told in a word, and whether that is no fault of the server's.

        Args:
            way: which call.
            content: the image.
            intact: what it was before it was damaged, which is sent beside it in calls of two.
        """
        if way is Way.STREAM:
            return self._streamed(content, intact)
        call: Callable[[], object] = {
            Way.ANALYZE: lambda: self._client.analyze(
                content, masks=["RISK"], timeout=self._seconds
            ),
            Way.ORIGINAL: lambda: self._client.verify(content, intact, timeout=self._seconds),
            Way.RECONSTRUCTION: lambda: self._client.verify(intact, content, timeout=self._seconds),
        }[way]
        try:
            call()
        except RiskmaskError as error:
            return _told(error)
        return "OK", True

    def _streamed(self, content: bytes, intact: bytes) -> Outcome:
        """Of the first of two images; whatever it is, the stream goes on and answers the second."""
        items = (
            pb.AnalyzeStreamRequest(
                request_id=name, request=pb.AnalyzeRequest(image=pb.Image(encoded=image))
            )
            for name, image in (("damaged", content), ("intact", intact))
        )
        try:
            stream = self._stub.AnalyzeStream(items, timeout=self._seconds)
            answers = {answer.request_id: answer.status for answer in stream}
        except grpc.RpcError as error:
            return f"the stream ended with {error.code().name}", False
        if answers.keys() != {"damaged", "intact"} or answers["intact"].code:
            return "the image behind it in the stream was not answered", False
        status = answers["damaged"]
        return _told(from_status(status)) if status.code else ("OK", True)


@contextmanager
def asked(address: str, seconds: float) -> Iterator[Asked]:
    """The server at a Unix socket."""
    options = [("grpc.default_authority", "localhost")]
    with Client(address, timeout=seconds) as client, grpc.insecure_channel(address, options) as way:
        yield Asked(client, pb_grpc.RiskServiceStub(way), seconds)  # type: ignore[arg-type]


def _told(error: RiskmaskError) -> Outcome:
    kept = isinstance(error, InvalidRequest | LimitExceeded) and error.reason not in FAULTS
    return error.reason, kept
