"""The asyncio client: the same methods."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from riskmask.client._channel import (
    DEFAULT_MESSAGE_BYTES,
    DEFAULT_TIMEOUT,
    Connection,
    Deadline,
    checked_timeout,
)
from riskmask.client._errors import (
    DeadlineExceeded,
    Overloaded,
    RiskmaskError,
    ServiceUnavailable,
)
from riskmask.client._fallback import Fallback, fallback
from riskmask.client._local import AsyncLocalTransport
from riskmask.client._messages import Options, reusable, to_analysis, to_message, to_server_info
from riskmask.client._raw import RawImage
from riskmask.client._remote import AsyncRemoteTransport
from riskmask.client._server_info import ServerInfo
from riskmask.client._transport import AsyncTransport
from riskmask.client._types import Analysis
from riskmask.client._verification import Verification, VerifyOptions
from riskmask.client._verify_messages import to_verification, to_verify_message


class AsyncClient:
    """:class:`~riskmask.client.Client` for asyncio. Make it in the event loop that uses it.

    async with AsyncClient("unix:/run/riskmask.sock") as client:
        analysis = await client.analyze(data, size_bytes=40_000)
    """

    def __init__(
        self,
        address: str = "127.0.0.1:50551",
        *,
        timeout: float = DEFAULT_TIMEOUT,
        max_message_bytes: int = DEFAULT_MESSAGE_BYTES,
        tls: bool = False,
        root_certificates: bytes | None = None,
        token: str | None = None,
        certificate: tuple[bytes, bytes] | None = None,
        transport: AsyncTransport | None = None,
    ) -> None:
        self._timeout = checked_timeout(timeout)
        self._transport: AsyncTransport = transport or AsyncRemoteTransport(
            Connection(address, max_message_bytes, tls, root_certificates, token, certificate)
        )

    @classmethod
    def local(
        cls,
        *,
        model: Path | None = None,
        profiles: Path | None = None,
        face_detector: Path | None = None,
        icons: Path | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Self:
        """As :meth:`Client.local <riskmask.client.Client.local>`; the loop stays free."""
        return cls(
            timeout=timeout, transport=AsyncLocalTransport(model, profiles, face_detector, icons)
        )

    async def analyze(
        self,
        image: bytes | Path | RawImage,
        *,
        timeout: float | None = None,
        **options: Unpack[Options],
    ) -> Analysis:
        """As :meth:`Client.analyze <riskmask.client.Client.analyze>`."""
        deadline = Deadline(self._seconds(timeout))
        request = await asyncio.to_thread(to_message, image, options)
        response = await self._transport.analyze(request, deadline.remaining())
        return to_analysis(response.analysis)

    async def analyze_or_fallback(
        self,
        image: bytes | Path | RawImage,
        *,
        timeout: float | None = None,
        **options: Unpack[Options],
    ) -> Analysis | Fallback:
        """As :meth:`Client.analyze_or_fallback <riskmask.client.Client.analyze_or_fallback>`."""
        try:
            return await self.analyze(image, timeout=timeout, **options)
        except (ServiceUnavailable, Overloaded, DeadlineExceeded) as error:
            return fallback(error)

    async def analyze_many(
        self,
        images: Iterable[bytes | Path | RawImage],
        *,
        concurrency: int = 2,
        timeout: float | None = None,
        **options: Unpack[Options],
    ) -> AsyncIterator[Analysis | RiskmaskError]:
        """As :meth:`Client.analyze_many <riskmask.client.Client.analyze_many>`."""

        shared = reusable(options)
        if isinstance(self._transport, AsyncLocalTransport):
            concurrency = 1  # waiting for its turn is no part of an image's time

        async def outcome(image: bytes | Path | RawImage) -> Analysis | RiskmaskError:
            try:
                return await self.analyze(image, timeout=timeout, **shared)
            except RiskmaskError as error:
                return error

        pending: deque[asyncio.Task[Analysis | RiskmaskError]] = deque()
        try:
            for image in images:
                pending.append(asyncio.create_task(outcome(image)))
                if len(pending) >= concurrency:
                    yield await pending.popleft()
            while pending:
                yield await pending.popleft()
        finally:
            for task in pending:
                task.cancel()

    async def verify(
        self,
        original: bytes | Path | RawImage,
        reconstruction: bytes | Path | RawImage,
        *,
        timeout: float | None = None,
        **options: Unpack[VerifyOptions],
    ) -> Verification:
        """As :meth:`Client.verify <riskmask.client.Client.verify>`."""
        deadline = Deadline(self._seconds(timeout))
        request = await asyncio.to_thread(to_verify_message, original, reconstruction, options)
        return to_verification(await self._transport.verify(request, deadline.remaining()))

    async def server_info(self, *, timeout: float | None = None) -> ServerInfo:
        """As :meth:`Client.server_info <riskmask.client.Client.server_info>`."""
        return to_server_info(await self._transport.server_info(self._seconds(timeout)))

    def _seconds(self, timeout: float | None) -> float:
        return self._timeout if timeout is None else checked_timeout(timeout)

    async def close(self) -> None:
        """Lets go of the connection or the engine."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
