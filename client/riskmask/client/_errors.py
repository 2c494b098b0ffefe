"""What can go wrong, as a caller sees it.

RiskmaskError
├── InvalidRequest          the call asks for something that does not exist or is out of range
│   └── InvalidImage        the bytes are no image that can be analysed
├── LimitExceeded           the image or the answer is larger than this server allows
├── Overloaded              the server's queue is full; try again after `retry_after`
├── NotSupported            the contract has it, this server does not
├── ServiceUnavailable      no server answers at this address, or it is stopping
├── DeadlineExceeded        the answer did not come in time
├── NotAuthorized           the server does not accept these credentials
├── EngineNotInstalled      `Client.local()` without `riskmask[server]`
└── InternalError           the server failed; the request may be fine

The same types come from a server and from `Client.local()`.
"""

from __future__ import annotations

from typing import Final

from riskmask.v1 import riskmask_pb2 as pb

STATUS_KEY: Final = "riskmask-status-bin"


class RiskmaskError(Exception):
    """Base of everything that this package raises.

    Attributes:
        reason: one word that programs compare, e.g. ``CORRUPT_IMAGE``.
        message: what is wrong and what to do next, in a sentence.
        retry_after: seconds after which trying again may help, or None.
    """

    def __init__(self, reason: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[type[RiskmaskError], tuple[str, str, float | None]]:
        return type(self), (self.reason, self.message, self.retry_after)


class InvalidRequest(RiskmaskError):  # noqa: N818 - named for what the caller did
    """The call asks for something that does not exist or is out of range."""


class InvalidImage(InvalidRequest):
    """The bytes are no image that can be analysed."""


class LimitExceeded(RiskmaskError):  # noqa: N818
    """The image or the answer is larger than allowed."""


class Overloaded(RiskmaskError):  # noqa: N818
    """The server has no place in its queue."""


class NotSupported(RiskmaskError):  # noqa: N818
    """The contract has it, this server does not."""


class ServiceUnavailable(RiskmaskError):  # noqa: N818
    """No server answers, or it is stopping."""


class DeadlineExceeded(RiskmaskError):  # noqa: N818
    """The answer did not come in time."""


class NotAuthorized(RiskmaskError):  # noqa: N818
    """The server does not accept these credentials."""


class EngineNotInstalled(RiskmaskError):  # noqa: N818
    """The engine is not installed in this environment."""


class InternalError(RiskmaskError):
    """The server failed."""


# gRPC's numbers, so that the in-process engine needs no gRPC objects to speak of the same things
_BY_CODE: Final[dict[int, type[RiskmaskError]]] = {
    1: ServiceUnavailable,  # CANCELLED
    3: InvalidRequest,  # INVALID_ARGUMENT
    4: DeadlineExceeded,  # DEADLINE_EXCEEDED
    7: NotAuthorized,  # PERMISSION_DENIED
    8: Overloaded,  # RESOURCE_EXHAUSTED, where trying again may help
    9: NotSupported,  # FAILED_PRECONDITION
    11: InvalidRequest,  # OUT_OF_RANGE
    12: NotSupported,  # UNIMPLEMENTED
    14: ServiceUnavailable,  # UNAVAILABLE
    16: NotAuthorized,  # UNAUTHENTICATED
}
_RESOURCE_EXHAUSTED: Final = 8
_IMAGE_REASONS: Final = {
    "INVALID_IMAGE",
    "EMPTY_IMAGE",
    "UNSUPPORTED_FORMAT",
    "CORRUPT_IMAGE",
    "DECODER_CRASHED",
}


def from_status(status: pb.Status) -> RiskmaskError:
    """The error of a status whose code is not 0."""
    kind = _BY_CODE.get(status.code, InternalError)
    retry = status.retry_delay.ToTimedelta() if status.HasField("retry_delay") else None
    if status.code == _RESOURCE_EXHAUSTED and retry is None:
        kind = LimitExceeded
    if kind is InvalidRequest and status.reason in _IMAGE_REASONS:
        kind = InvalidImage
    return kind(status.reason, status.message, None if retry is None else retry.total_seconds())
