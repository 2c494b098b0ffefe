"""What carries a question to an engine and its answer back."""

from __future__ import annotations

from typing import Protocol

from riskmask.v1 import riskmask_pb2 as pb


class Transport(Protocol):
    """Carries the contract's messages. Implementations are safe to use from several threads.

    Each call raises a :class:`~riskmask.client.RiskmaskError` when there is no answer within
    ``timeout`` seconds or the answer is an error.
    """

    def analyze(self, request: pb.AnalyzeRequest, timeout: float) -> pb.AnalyzeResponse:
        """The answer for one image."""

    def verify(self, request: pb.VerifyRequest, timeout: float) -> pb.VerifyResponse:
        """The answer for one pair of images."""

    def server_info(self, timeout: float) -> pb.GetServerInfoResponse:
        """What answers."""

    def close(self) -> None:
        """Lets go of connections and threads."""


class AsyncTransport(Protocol):
    """:class:`Transport` for asyncio."""

    async def analyze(self, request: pb.AnalyzeRequest, timeout: float) -> pb.AnalyzeResponse:
        """The answer for one image."""

    async def verify(self, request: pb.VerifyRequest, timeout: float) -> pb.VerifyResponse:
        """The answer for one pair of images."""

    async def server_info(self, timeout: float) -> pb.GetServerInfoResponse:
        """What answers."""

    async def close(self) -> None:
        """Lets go of connections."""
