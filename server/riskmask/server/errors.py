"""What the service itself refuses; what an image does wrong is in ``engine.errors``.

ServiceError
├── InvalidRequest      the message does not say what it must, or says it out of range
├── Unimplemented       the contract has it, this server does not
├── QueueFull           too many analyses are waiting; try again later
├── TooManyCalls        this method has no place left; try again later
├── TooManyStreams      too many streams are open; try again later
├── MessageTooLarge     the answer, or a request beside its images, exceeds what it may have
├── Unauthenticated     no token, or none that is accepted
├── NoDecoder           no process can be started to decode in; try again later
└── ShuttingDown        the server is draining
StartError              the server cannot start as it was told to; the message says what to change
"""

from __future__ import annotations


class ServiceError(Exception):
    """Base of what the service refuses.

    Attributes:
        reason: one word that programs compare.
        retry_seconds: when trying again may help, or None where it will not.
    """

    reason = "SERVICE_ERROR"
    retry_seconds: float | None = None


class InvalidRequest(ServiceError):  # noqa: N818 - named for what the caller did
    """A field is missing, unknown or out of range; the message names it and what it accepts."""

    reason = "INVALID_REQUEST"


class Unimplemented(ServiceError):  # noqa: N818
    """Part of the contract that this server does not have; the message says what to do instead."""

    reason = "UNIMPLEMENTED"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class QueueFull(ServiceError):  # noqa: N818
    """Every place in the queue is taken."""

    reason = "QUEUE_FULL"

    def __init__(self, message: str, retry_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds


class TooManyCalls(ServiceError):  # noqa: N818
    """As many calls of this method run or wait as the server allows."""

    reason = "TOO_MANY_CALLS"

    def __init__(self, method: str, most: int, retry_seconds: float = 1.0) -> None:
        super().__init__(
            f"{most} calls of {method} run or wait already, no more are accepted; try again later"
        )
        self.retry_seconds = retry_seconds


class TooManyStreams(ServiceError):  # noqa: N818
    """As many streams are open as the server allows."""

    reason = "TOO_MANY_STREAMS"
    retry_seconds = 5.0

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} streams are open already; send more images over one of them")


class MessageTooLarge(ServiceError):  # noqa: N818
    """The answer is larger than a message may be, or the request beside its images is."""

    reason = "MESSAGE_TOO_LARGE"


class Unauthenticated(ServiceError):  # noqa: N818
    """The caller has no accepted token."""

    reason = "UNAUTHENTICATED"


class NoDecoder(ServiceError):  # noqa: N818
    """The system has no process to spare for decoding, or it ended before it was ready."""

    reason = "NO_DECODER"
    retry_seconds = 1.0

    def __init__(self) -> None:
        super().__init__(
            "the server cannot start a process to decode the image in; try again, or another server"
        )


class ShuttingDown(ServiceError):  # noqa: N818
    """The server takes no more work."""

    reason = "SHUTTING_DOWN"
    retry_seconds = 1.0


class StartError(Exception):
    """The server cannot start; the message names the option and says what would do."""
