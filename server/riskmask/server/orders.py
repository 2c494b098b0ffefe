"""What a supervisor and its workers say to each other, over a worker's standard streams.

To the worker: the settings, a line of JSON, then orders, a line each. The end of its input, which
comes when the supervisor dies, is an order to stop. From the worker, once: :class:`Said`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from pydantic import ValidationError

from riskmask.server.errors import StartError
from riskmask.server.settings import ServerSettings, first_mistake

RELOAD, STOP = b"reload\n", b"stop\n"


@dataclass(frozen=True)
class Said:
    """How a worker's start ended.

    Attributes:
        addresses: where it serves.
        metrics_port: of its metrics, or None.
        error: why it does not serve; empty where it does.
    """

    addresses: tuple[str, ...] = ()
    metrics_port: int | None = None
    error: str = ""


def write_settings(settings: ServerSettings) -> bytes:
    """A line that :func:`read_settings` reads back; what was left to its default stays so."""
    return settings.model_dump_json(exclude_unset=True).encode() + b"\n"


def read_settings(line: bytes) -> ServerSettings:
    """The settings that a supervisor wrote.

    Raises:
        StartError: they do not hold any more, since a file that they name is gone.
    """
    try:
        return ServerSettings(**json.loads(line))
    except ValidationError as error:
        raise StartError(first_mistake(error)) from None


def write_said(said: Said) -> str:
    """A line that :func:`read_said` reads back."""
    return json.dumps(asdict(said)) + "\n"


def read_said(line: bytes) -> Said:
    """What a worker wrote."""
    said = json.loads(line)
    return Said(tuple(said["addresses"]), said["metrics_port"], said["error"])
