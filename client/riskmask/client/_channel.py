"""How this package connects: addresses, credentials, limits."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, cast

import grpc

from riskmask.client._errors import (
    STATUS_KEY,
    DeadlineExceeded,
    InvalidRequest,
    LimitExceeded,
    Overloaded,
    RiskmaskError,
    ServiceUnavailable,
    from_status,
)
from riskmask.v1 import riskmask_pb2 as pb

DEFAULT_TIMEOUT: Final = 30.0
LONGEST_TIMEOUT: Final = 86_400.0
PEM_CERTIFICATE: Final = re.compile(
    b"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL
)
DEFAULT_MESSAGE_BYTES: Final = 72 << 20  # the server's own default


@dataclass(frozen=True)
class Connection:
    """Where a server is and how to talk to it.

    Attributes:
        address: ``HOST:PORT`` or ``unix:PATH``.
        max_message_bytes: of one message in either direction.
        tls: encrypt; always on when certificates are given.
        root_certificates: PEM of the authorities to trust instead of the system's.
        token: sent with every call; over TLS or a Unix socket only.
        certificate: PEM chain and PEM key of this client, where the server wants one.

    Raises:
        InvalidRequest: a token that would travel in clear, or certificates that are none.
    """

    address: str
    max_message_bytes: int = DEFAULT_MESSAGE_BYTES
    tls: bool = False
    root_certificates: bytes | None = None
    token: str | None = field(default=None, repr=False)
    certificate: tuple[bytes, bytes] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _check_certificates(self.root_certificates, self.certificate)
        if self.token is None:
            return
        if not (self.is_secure or self.address.startswith("unix:")):
            raise InvalidRequest(
                "INSECURE_TOKEN",
                f"the token would travel in clear to {self.address}; use tls=True or a Unix socket",
            )
        if not (self.token.isascii() and self.token.isprintable()):
            raise InvalidRequest("INVALID_TOKEN", "token: printable ASCII characters only")

    @property
    def is_secure(self) -> bool:
        """Whether the channel is encrypted."""
        return self.tls or self.root_certificates is not None or self.certificate is not None

    @property
    def credentials(self) -> grpc.ChannelCredentials | None:
        """For a secure channel, or None for a plain one."""
        if not self.is_secure:
            return None
        chain, key = self.certificate or (None, None)
        return grpc.ssl_channel_credentials(self.root_certificates, key, chain)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Sent with every call."""
        return () if self.token is None else (("authorization", f"Bearer {self.token}"),)

    @property
    def options(self) -> list[tuple[str, Any]]:
        """Channel arguments."""
        options: list[tuple[str, Any]] = [
            ("grpc.max_send_message_length", self.max_message_bytes),
            ("grpc.max_receive_message_length", self.max_message_bytes),
        ]
        if self.address.startswith("unix:"):
            # the default authority of a Unix socket is its path, which HTTP/2 servers may refuse
            options.append(("grpc.default_authority", "localhost"))
        if self.address.startswith(("unix:", "localhost:", "127.", "[::1]")):
            options.append(("grpc.enable_http_proxy", 0))
        return options

    def check_size(self, request: pb.AnalyzeRequest | pb.VerifyRequest) -> None:
        """Refuses what would not go through.

        Raises:
            LimitExceeded: the request is larger than a message may be.
        """
        size = request.ByteSize()
        if size > self.max_message_bytes:
            raise LimitExceeded(
                "MESSAGE_TOO_LARGE",
                f"the request has {size} bytes, of which max_message_bytes allows "
                f"{self.max_message_bytes}; send smaller images, or raise both sides' limits",
            )


def _check_certificates(roots: bytes | None, own: tuple[bytes, bytes] | None) -> None:
    """Told at once: gRPC logs it, and then every call finds no server."""
    if roots is not None:
        found = PEM_CERTIFICATE.findall(roots)  # comments around them are anybody's
        try:
            if found:
                ssl.create_default_context(cadata=b"\n".join(found).decode("ascii"))
        except (ssl.SSLError, ValueError):
            found = []
        if not found:
            raise InvalidRequest(
                "INVALID_CERTIFICATE", "root_certificates: expected PEM certificates"
            )
    chain, key = own or (None, None)
    for pem, word in ((chain, b"CERTIFICATE-----"), (key, b"PRIVATE KEY-----")):
        if pem is not None and not (b"-----BEGIN " in pem and word in pem):
            raise InvalidRequest(
                "INVALID_CERTIFICATE", "certificate: expected a PEM chain and its PEM key"
            )


def checked_timeout(seconds: float) -> float:
    """The same number, if a call can wait for so long.

    Raises:
        InvalidRequest: it is not over 0, not finite or longer than a day.
    """
    if not 0.0 < seconds <= LONGEST_TIMEOUT:  # also not where it is NaN
        raise InvalidRequest(
            "INVALID_TIMEOUT",
            f"timeout: {seconds:g}, expected seconds over 0 and up to {LONGEST_TIMEOUT:,.0f}",
        )
    return float(seconds)


class Deadline:
    """Counts down from now, so that reading a file takes from the time of its call."""

    def __init__(self, seconds: float) -> None:
        self._allowed = seconds
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left.

        Raises:
            DeadlineExceeded: none.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded(
                "DEADLINE_EXCEEDED",
                f"the image was not read within {self._allowed:g} s; allow more with timeout=",
            )
        return left


def closed() -> ServiceUnavailable:
    """The error of a call on a client that was closed."""
    return ServiceUnavailable("CLOSED", "this client is closed; make another one")


def to_error(failure: grpc.RpcError, address: str) -> RiskmaskError:
    """The error behind a failed call: the server's own words where it had any."""
    metadata = cast(Iterable[tuple[str, bytes]], failure.trailing_metadata() or ())
    for key, value in metadata:
        if key == STATUS_KEY:
            return from_status(pb.Status.FromString(value))
    code = failure.code()
    details = failure.details() or code.name.lower()
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:  # by this side's clock
        details = f"no answer from {address} in time; allow more with timeout="
    if code is grpc.StatusCode.UNAVAILABLE:
        details = f"no riskmask server answers at {address} ({details})"
    number: int = code.value[0]
    if code is not grpc.StatusCode.RESOURCE_EXHAUSTED:
        return from_status(pb.Status(code=number, reason=code.name, message=details))
    # gRPC's own refusals: too many calls at once, which pass, or a message over the limit
    if "oncurrent" in details:
        return Overloaded("TOO_MANY_CALLS", f"{details}; try again later", 1.0)
    return from_status(pb.Status(code=number, reason="MESSAGE_TOO_LARGE", message=details))
