"""What can go wrong when an encoder is asked for a file.

EncoderError
├── UnknownEncoderError        no encoder has the name
├── EncoderNotInstalledError   the packages that it needs are not installed
├── UnreachableSizeError       not even the coarsest setting is as small as asked for
├── EncoderHintError           the hint is not in the encoder's format, or is another image's
└── EncoderFailedError         the encoder refused the picture or a setting
"""

from __future__ import annotations

from collections.abc import Iterable


class EncoderError(Exception):
    """The file cannot be written; the message says what to do."""


class UnknownEncoderError(EncoderError):
    """No encoder has the name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"no encoder {name[:64]!r}; use one of {', '.join(sorted(known))}")


class EncoderNotInstalledError(EncoderError):
    """The packages that the encoder needs are not installed."""


class UnreachableSizeError(EncoderError):
    """Not even the coarsest setting is as small as asked for.

    Attributes:
        smallest: bytes of the smallest file seen.
    """

    def __init__(self, encoder: str, size_bytes: int, smallest: int) -> None:
        super().__init__(
            f"{encoder} needs at least {smallest} bytes for this picture, {size_bytes} were "
            "asked for; ask for more, or make the picture smaller"
        )
        self.smallest = smallest


class EncoderHintError(EncoderError):
    """The hint is not in the encoder's format, or is another image's."""


class EncoderFailedError(EncoderError):
    """The encoder refused the picture or a setting."""
