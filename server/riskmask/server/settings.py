"""How the server runs: defaults, a TOML file, ``RISKMASK_*`` in the environment, then flags."""

from __future__ import annotations

import ipaddress
import logging
import os
import tomllib
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from riskmask.model.runtime.cpus import available_cpus
from riskmask.model.runtime.tile_batches import LARGEST_BATCH
from riskmask.server.addresses import Address, parse_address
from riskmask.server.decoding.memory import memory_for
from riskmask.server.engine.decode import DEFAULT_LIMITS, LONGEST_SIDE, Limits
from riskmask.server.environment import PREFIX, strangers
from riskmask.server.errors import StartError

MIB = 1 << 20
DEFAULT_ADDRESS = "127.0.0.1:50551"
CONFIG_VARIABLE = "RISKMASK_CONFIG"
WORKER = "{worker}"
_FILES = ("tls_cert", "tls_key", "tls_client_ca", "token_file", "model", "face_detector")

log = logging.getLogger(__name__)

# Where the file is while settings are built: pydantic-settings asks for it in a class method.
_config_file: ContextVar[Path | None] = ContextVar("config_file", default=None)


class ServerSettings(BaseSettings):
    """Every option of ``riskmask serve``. Build it with :func:`load_settings`.

    Attributes:
        address: where to listen: ``HOST:PORT``, ``[IPV6]:PORT`` or ``unix:PATH``; several in the
            environment are separated by commas. Port 0 takes a free one.
        workers: processes that serve the same addresses; more than one share each TCP port, and
            each has its own Unix socket, whose path holds ``{worker}`` for its number from 0.
        insecure: allow TCP beyond loopback without TLS.
        tls_cert, tls_key: PEM files, both or neither; they encrypt every TCP address, and are read
            again when they change.
        tls_client_ca: PEM of the authorities whose certificates clients must have.
        token_file: accepted bearer tokens, one a line; only over TLS or Unix sockets.
        model: an ONNX file to serve instead of the packaged one.
        profiles: a folder of codec profiles beside the packaged ones.
        face_detector: YuNet's ONNX file, for the verification of faces.
        icons: a folder of ``FAMILY__NAME.svg``, for the verification of icons.
        threads: analyses at the same time, in each worker.
        model_threads: threads of the model within one analysis; each worker's share of the cores
            unless given.
        batch_tiles: of one shape that go through the model together, from several analyses or
            one; rounded down to a power of two, 1 is none.
        batch_wait_seconds: how long the first tile of a batch that is not full waits for others.
        queue: analyses that may wait beyond those that run, in each worker.
        stream_places: images of one ``AnalyzeStream`` in the works at the same time; while all
            are taken the stream is not read.
        max_streams: streams open at the same time.
        max_analyses: calls of ``Analyze`` that run or wait at the same time, in each worker; as
            many as threads and queue have room for unless given.
        max_verifications: the same of ``Verify``; the threads and half of the queue unless given,
            so that verifications never shut out analyses.
        max_seconds: the longest that an answer may take, whatever its caller allows.
        max_image_bytes: of one image as it arrives; at most ``max_message_bytes``.
        max_image_pixels: of one image.
        max_image_side: the longer one of an image, in pixels.
        decode_processes: that decode images apart from the server, in each worker; 0 decodes in
            the server's own process. Needs Linux.
        decode_memory_bytes: of address space that one image may take in such a process; what the
            largest accepted image may need unless given, and at least that.
        max_message_bytes: of one message in either direction.
        drain_seconds: how long a stopping server waits for what it has accepted.
        max_connection_age_seconds: after which a client is asked to connect anew, so that it finds
            new servers; 0 is never.
        max_connection_age_grace_seconds: that calls of such a connection may still take, streams
            too; then they are ended. ``max_seconds`` unless given.
        keepalive_seconds: of silence until a client is asked whether it is there.
        keepalive_timeout_seconds: until a client that does not answer is let go.
        min_ping_seconds: the shortest time between two pings of a client; one that pings more
            often is sent away.
        metrics_port: serves Prometheus metrics, further workers on the ports that follow; 0 takes
            a free port, None none.
        metrics_address: the IP address that they are served on, in clear and to everybody who can
            reach it; loopback unless told otherwise.
        traces: send OpenTelemetry spans where the environment's ``OTEL_*`` say; needs the extra
            ``otel``.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    address: Annotated[tuple[str, ...], NoDecode] = (DEFAULT_ADDRESS,)
    workers: int = Field(default=1, ge=1, le=256)
    insecure: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    token_file: Path | None = None
    model: Path | None = None
    profiles: Path | None = None
    face_detector: Path | None = None
    icons: Path | None = None
    threads: int = Field(default=1, ge=1, le=256)
    model_threads: int = Field(default_factory=lambda: min(available_cpus(), 64), ge=1, le=64)
    batch_tiles: int = Field(default=1, ge=1, le=LARGEST_BATCH)
    batch_wait_seconds: float = Field(default=0.0, ge=0, le=1, allow_inf_nan=False)
    queue: int = Field(default=16, ge=0, le=10_000)
    stream_places: int = Field(default=2, ge=1, le=256)
    max_streams: int = Field(default=16, ge=0, le=10_000)
    max_analyses: int | None = Field(default=None, ge=1, le=20_000)
    max_verifications: int | None = Field(default=None, ge=1, le=20_000)
    max_seconds: float = Field(default=120.0, gt=0, le=3600, allow_inf_nan=False)
    max_image_bytes: int = Field(default=DEFAULT_LIMITS.max_bytes, ge=1, le=1024 * MIB)
    max_image_pixels: int = Field(default=DEFAULT_LIMITS.max_pixels, ge=1, le=1_000_000_000)
    max_image_side: int = Field(default=DEFAULT_LIMITS.max_side, ge=1, le=LONGEST_SIDE)
    decode_processes: int = Field(default=0, ge=0, le=256)
    decode_memory_bytes: int | None = Field(default=None, ge=1)
    max_message_bytes: int = Field(default=72 * MIB, ge=MIB, le=1024 * MIB)
    drain_seconds: float = Field(default=20.0, ge=0, le=3600, allow_inf_nan=False)
    max_connection_age_seconds: int = Field(default=3600, ge=0, le=604_800)
    max_connection_age_grace_seconds: float | None = Field(
        default=None, gt=0, le=604_800, allow_inf_nan=False
    )
    keepalive_seconds: int = Field(default=60, ge=1, le=86_400)
    keepalive_timeout_seconds: int = Field(default=20, ge=1, le=3600)
    min_ping_seconds: int = Field(default=10, ge=1, le=3600)
    metrics_port: int | None = Field(default=None, ge=0, le=65_535)
    metrics_address: str = "127.0.0.1"
    traces: bool = False
    _number: int | None = PrivateAttr(default=None)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The first one that names an option wins."""
        file = TomlConfigSettingsSource(settings_cls, toml_file=_config_file.get())
        return init_settings, env_settings, file

    @model_validator(mode="before")
    @classmethod
    def _split_addresses(cls, values: dict[str, Any]) -> dict[str, Any]:
        address = values.get("address")
        if isinstance(address, str):
            values["address"] = tuple(part.strip() for part in address.split(",") if part.strip())
        return values

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.address:
            raise ValueError("address: at least one of HOST:PORT or unix:PATH")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key: give both or neither")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ValueError("tls_client_ca: needs tls_cert and tls_key too")
        if not _is_ip_address(self.metrics_address):
            raise ValueError(
                f"metrics_address: {self.metrics_address} is no IP address such as 127.0.0.1, "
                "or 0.0.0.0 for all of this machine's"
            )
        if "metrics_address" in self.model_fields_set and self.metrics_port is None:
            raise ValueError("metrics_address: needs metrics_port too")
        if self.batch_wait_seconds and self.batch_tiles == 1:
            raise ValueError("batch_wait_seconds: needs batch_tiles of 2 or more too")
        for name in _FILES:
            path: Path | None = getattr(self, name)
            if path is not None and not path.is_file():
                raise ValueError(f"{name}: there is no file {path}")
        for name in ("profiles", "icons"):
            folder: Path | None = getattr(self, name)
            if folder is not None and not folder.is_dir():
                raise ValueError(f"{name}: there is no folder {folder}")
        if self.metrics_port and self.metrics_port + self.workers > 65_536:
            raise ValueError(
                f"metrics_port: {self.workers} workers need as many ports, and there is none over "
                "65535"
            )
        for address in self.addresses:
            if self.workers > 1 and address.path is not None and WORKER not in str(address):
                raise ValueError(
                    f"address {address}: a Unix socket belongs to one process; put {WORKER} into "
                    f"its name, such as unix:/run/riskmask/{WORKER}.sock, or leave workers at 1"
                )
            if not (address.is_local or self.insecure or self.tls_cert):
                raise ValueError(
                    f"address {address}: beyond loopback the images would travel in clear; give "
                    "--tls-cert and --tls-key, or --insecure where the network is trusted"
                )
            if self.token_file is not None and address.path is None and self.tls_cert is None:
                raise ValueError(
                    f"token_file: tokens would travel in clear to {address}; give tls_cert and "
                    "tls_key, or listen on unix:PATH alone"
                )
        if "max_image_bytes" in self.model_fields_set and (
            self.max_image_bytes > self.max_message_bytes
        ):
            raise ValueError(
                f"max_image_bytes: {self.max_image_bytes} bytes never fit into a message of "
                f"max_message_bytes, {self.max_message_bytes}; raise that too"
            )
        if self.max_connection_age_grace_seconds is not None and not (
            self.max_connection_age_seconds
        ):
            raise ValueError("max_connection_age_grace_seconds: needs max_connection_age_seconds")
        self._check_places()
        self._check_decoding()
        return self

    def _check_places(self) -> None:
        room = self.threads + self.queue
        for name in ("max_analyses", "max_verifications"):
            most: int | None = getattr(self, name)
            if most is not None and most > room:
                raise ValueError(
                    f"{name}: threads and queue have room for {room}, so {most} would limit "
                    "nothing; lower it, or raise queue"
                )

    def _check_decoding(self) -> None:
        if self.decode_processes and not hasattr(os, "memfd_create"):
            raise ValueError("decode_processes: needs Linux; leave it at 0 here")
        if self.decode_memory_bytes is None:
            return
        if not self.decode_processes:
            raise ValueError("decode_memory_bytes: needs decode_processes too")
        if self.decode_memory_bytes < (needed := memory_for(self.limits)):
            raise ValueError(
                f"decode_memory_bytes: images of max_image_pixels, {self.max_image_pixels}, may "
                f"take {needed}; allow that, or lower max_image_pixels or max_image_bytes"
            )

    def for_worker(self, number: int) -> Self:
        """What one worker gets: its own sockets, metrics port and share of the cores.

        Args:
            number: of the worker, from 0.
        """
        own: dict[str, Any] = {
            "address": tuple(text.replace(WORKER, str(number)) for text in self.address)
        }
        if self.metrics_port:
            own["metrics_port"] = self.metrics_port + number
        if "model_threads" not in self.model_fields_set:
            own["model_threads"] = max(1, self.model_threads // self.workers)
        copy = self.model_copy(update=own)
        copy._number = number if self.workers > 1 else None
        return copy

    @property
    def worker_number(self) -> int | None:
        """Whose settings these are, where there are several workers."""
        return self._number

    @property
    def limits(self) -> Limits:
        """The largest image accepted."""
        return Limits(
            max_bytes=min(self.max_image_bytes, self.max_message_bytes),
            max_pixels=self.max_image_pixels,
            max_side=self.max_image_side,
        )

    @property
    def verifications(self) -> int:
        """Calls of ``Verify`` that may run or wait at the same time."""
        if self.max_verifications is not None:
            return self.max_verifications
        return self.threads + self.queue // 2

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The addresses to listen on, parsed."""
        return tuple(parse_address(text) for text in self.address)


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def load_settings(config: Path | None = None, **flags: object) -> ServerSettings:
    """Settings from a file and the environment, overridden by the flags that are not None.

    A variable of the environment that is no option is logged: Kubernetes sets such ones too.

    Args:
        config: a TOML file of options by name; ``RISKMASK_CONFIG`` names one too.
        flags: options by name.

    Raises:
        StartError: naming the first option that is wrong, and what it accepts.
    """
    given: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    named = os.environ.get(CONFIG_VARIABLE)
    path = config if config is not None else Path(named) if named else None
    if path is not None and not path.is_file():
        raise StartError(f"config: there is no file {path}")
    for said in strangers(os.environ, ServerSettings.model_fields).values():
        log.warning(said)
    token = _config_file.set(path)
    try:
        return ServerSettings(**given)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StartError(f"config: {path} is not TOML: {error}") from None
    except OSError as error:
        raise StartError(f"config: {path}: {error.strerror}") from None
    except ValidationError as error:
        raise StartError(first_mistake(error)) from None
    finally:
        _config_file.reset(token)


def first_mistake(error: ValidationError) -> str:
    """The first option that is wrong, and what it accepts."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][:1])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "there is no such option; riskmask serve --help lists them"
    return f"{name}: {message}" if name else message
