"""Transports to a server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import grpc

from riskmask.client._channel import Connection, closed, to_error
from riskmask.client._errors import RiskmaskError
from riskmask.v1 import riskmask_pb2 as pb
from riskmask.v1 import riskmask_pb2_grpc as pb_grpc

T = TypeVar("T")


class RemoteTransport:
    """One channel to one server."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._closed = False
        credentials = connection.credentials
        if credentials is None:
            self._channel = grpc.insecure_channel(connection.address, connection.options)
        else:
            self._channel = grpc.secure_channel(connection.address, credentials, connection.options)
        self._stub = pb_grpc.RiskServiceStub(self._channel)

    def analyze(self, request: pb.AnalyzeRequest, timeout: float) -> pb.AnalyzeResponse:
        """The server's answer for one image."""
        self._connection.check_size(request)
        if self._closed:
            raise closed()
        try:
            return self._stub.Analyze(request, timeout=timeout, metadata=self._connection.metadata)
        except grpc.RpcError as failure:
            raise self._error(failure) from None

    def verify(self, request: pb.VerifyRequest, timeout: float) -> pb.VerifyResponse:
        """The server's answer for one pair of images."""
        self._connection.check_size(request)
        if self._closed:
            raise closed()
        try:
            return self._stub.Verify(request, timeout=timeout, metadata=self._connection.metadata)
        except grpc.RpcError as failure:
            raise self._error(failure) from None

    def server_info(self, timeout: float) -> pb.GetServerInfoResponse:
        """What the server says of itself."""
        if self._closed:
            raise closed()
        try:
            return self._stub.GetServerInfo(
                pb.GetServerInfoRequest(), timeout=timeout, metadata=self._connection.metadata
            )
        except grpc.RpcError as failure:
            raise self._error(failure) from None

    def close(self) -> None:
        """Closes the channel; calls in flight fail."""
        self._closed = True
        self._channel.close()

    def _error(self, failure: grpc.RpcError) -> RiskmaskError:
        return closed() if self._closed else to_error(failure, self._connection.address)


class AsyncRemoteTransport:
    """:class:`RemoteTransport` for asyncio; make it in the event loop that uses it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._closed = False
        credentials = connection.credentials
        if credentials is None:
            self._channel = grpc.aio.insecure_channel(connection.address, connection.options)
        else:
            self._channel = grpc.aio.secure_channel(
                connection.address, credentials, connection.options
            )
        self._stub = pb_grpc.RiskServiceStub(self._channel)

    async def analyze(self, request: pb.AnalyzeRequest, timeout: float) -> pb.AnalyzeResponse:
        """The server's answer for one image."""
        self._connection.check_size(request)
        if self._closed:
            raise closed()
        return await self._outcome(
            self._stub.Analyze(request, timeout=timeout, metadata=self._connection.metadata)
        )

    async def verify(self, request: pb.VerifyRequest, timeout: float) -> pb.VerifyResponse:
        """The server's answer for one pair of images."""
        self._connection.check_size(request)
        if self._closed:
            raise closed()
        return await self._outcome(
            self._stub.Verify(request, timeout=timeout, metadata=self._connection.metadata)
        )

    async def server_info(self, timeout: float) -> pb.GetServerInfoResponse:
        """What the server says of itself."""
        if self._closed:
            raise closed()
        return await self._outcome(
            self._stub.GetServerInfo(
                pb.GetServerInfoRequest(), timeout=timeout, metadata=self._connection.metadata
            )
        )

    async def close(self) -> None:
        """Closes the channel; calls in flight fail."""
        self._closed = True
        await self._channel.close()

    async def _outcome(self, call: Awaitable[T]) -> T:
        try:
            return await call
        except grpc.RpcError as failure:
            raise to_error(failure, self._connection.address) from None
        except asyncio.CancelledError:
            # gRPC cancels what is in flight when its channel is closed; nobody cancelled the task
            task = asyncio.current_task()
            if self._closed and not (task is not None and task.cancelling()):
                raise closed() from None
            raise
