"""Transports for the tests of code that uses this package."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from riskmask.client._errors import NotSupported
from riskmask.v1 import riskmask_pb2 as pb


class FakeTransport:
    """Answers each request with what a function returns; no server, no model.

        def answer(request: pb.AnalyzeRequest) -> pb.Analysis:
            return pb.Analysis(decision=pb.DECISION_ENCODE)

        client = Client(transport=FakeTransport(answer))

    A function that raises a :class:`~riskmask.client.RiskmaskError` plays a failing server.

    Args:
        answer: to each image.
        verify: the answer to each pair of images; without it the server does not verify.

    Attributes:
        requests: images that were asked about so far.
    """

    def __init__(
        self,
        answer: Callable[[pb.AnalyzeRequest], pb.Analysis],
        verify: Callable[[pb.VerifyRequest], pb.VerifyResponse] | None = None,
    ) -> None:
        self._answer = answer
        self._verify = verify
        self.requests: list[pb.AnalyzeRequest] = []

    def analyze(self, request: pb.AnalyzeRequest, timeout: float) -> pb.AnalyzeResponse:
        """What the function returns."""
        self.requests.append(request)
        return pb.AnalyzeResponse(analysis=self._answer(request))

    def verify(self, request: pb.VerifyRequest, timeout: float) -> pb.VerifyResponse:
        """What the function returns."""
        if self._verify is None:
            raise _no_verify()
        return self._verify(request)

    def server_info(self, timeout: float) -> pb.GetServerInfoResponse:
        """A server with nothing but a version."""
        return pb.GetServerInfoResponse(server_version="fake")

    def close(self) -> None:
        """Nothing to let go of."""


class AsyncFakeTransport:
    """:class:`FakeTransport` for :class:`~riskmask.client.AsyncClient`; its function is async.

    async def answer(request: pb.AnalyzeRequest) -> pb.Analysis:
        return pb.Analysis(decision=pb.DECISION_ENCODE)

    client = AsyncClient(transport=AsyncFakeTransport(answer))

    Attributes:
        requests: images that were asked about so far.
    """

    def __init__(
        self,
        answer: Callable[[pb.AnalyzeRequest], Awaitable[pb.Analysis]],
        verify: Callable[[pb.VerifyRequest], Awaitable[pb.VerifyResponse]] | None = None,
    ) -> None:
        self._answer = answer
        self._verify = verify
        self.requests: list[pb.AnalyzeRequest] = []

    async def analyze(self, request: pb.AnalyzeRequest, timeout: float) -> pb.AnalyzeResponse:
        """What the function returns."""
        self.requests.append(request)
        return pb.AnalyzeResponse(analysis=await self._answer(request))

    async def verify(self, request: pb.VerifyRequest, timeout: float) -> pb.VerifyResponse:
        """What the function returns."""
        if self._verify is None:
            raise _no_verify()
        return await self._verify(request)

    async def server_info(self, timeout: float) -> pb.GetServerInfoResponse:
        """A server with nothing but a version."""
        return pb.GetServerInfoResponse(server_version="fake")

    async def close(self) -> None:
        """Nothing to let go of."""


def _no_verify() -> NotSupported:
    return NotSupported("VERIFY_UNIMPLEMENTED", "this fake was given no answer to verify()")
