"""Bearer tokens: who may ask. RFC 6750, section 2.1."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc

from riskmask.server.errors import StartError, Unauthenticated
from riskmask.server.status import grpc_code, to_status, trailers
from riskmask.server.watched import Fingerprint, fingerprint

SHORTEST_TOKEN = 16
# A probe has no token. Watch wants one: each open call takes a place from those who have.
OPEN_METHOD = "/grpc.health.v1.Health/Check"

log = logging.getLogger(__name__)


class TokenFile:
    """Accepted tokens, one a line; empty lines and lines that begin with # do not count.

    Read again when the file changes; a file that has become unusable changes nothing.

    Raises:
        StartError: it cannot be read, holds no token or one under 16 characters.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: Fingerprint = fingerprint(path)
        try:
            self._digests = self._read()
        except (OSError, ValueError) as error:
            raise StartError(f"token_file: {_why(error)}") from None

    def accepts(self, token: str) -> bool:
        """Whether it is one of them; takes the same time wherever it differs."""
        self._refresh()
        digest = _digest(token)
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        return any(matches)

    def _refresh(self) -> None:
        now = fingerprint(self._path)
        if now == self._seen:
            return
        self._seen = now
        try:
            self._digests = self._read()
        except (OSError, ValueError) as error:
            log.warning("the new token file cannot be used, the old tokens stay: %s", _why(error))
        else:
            log.info("new tokens are in use")

    def _read(self) -> tuple[bytes, ...]:
        lines = (line.strip() for line in self._path.read_text(encoding="utf-8").splitlines())
        tokens = [line for line in lines if line and not line.startswith("#")]
        if not tokens:
            raise ValueError("holds no token")
        if any(len(token) < SHORTEST_TOKEN for token in tokens):
            raise ValueError(f"a token has {SHORTEST_TOKEN} characters or more")
        return tuple(_digest(token) for token in tokens)


class RequireToken(grpc.aio.ServerInterceptor):
    """Refuses a call without an accepted token before its message is read."""

    def __init__(self, tokens: TokenFile) -> None:
        self._tokens = tokens

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The call's own handler, or one that refuses."""
        details = handler_call_details
        if details.method == OPEN_METHOD or self._is_accepted(details):
            return await continuation(details)
        # As a stream, whatever the method is: a unary handler would receive the whole image first.
        return grpc.stream_stream_rpc_method_handler(_refuse)

    def _is_accepted(self, details: grpc.HandlerCallDetails) -> bool:
        for key, value in details.invocation_metadata or ():
            if key == "authorization" and isinstance(value, str):
                scheme, _, token = value.partition(" ")
                return scheme.lower() == "bearer" and self._tokens.accepts(token.strip())
        return False


async def _refuse(_: AsyncIterator[bytes], context: Any) -> None:
    status = to_status(Unauthenticated("send an accepted token: `authorization: Bearer TOKEN`"))
    await context.abort(grpc_code(status), status.message, trailers(status))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _why(error: OSError | ValueError) -> str:
    return f"{error.strerror}: {error.filename}" if isinstance(error, OSError) else str(error)
