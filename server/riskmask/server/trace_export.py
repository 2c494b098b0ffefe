"""Where spans go, as OpenTelemetry's own ``OTEL_*`` variables say.

The SDK reads most of them by itself: sampler, batches, limits, resource, and each exporter its
endpoint, headers and certificates. Which exporter it is, it leaves to whoever starts it.
"""

from __future__ import annotations

import os
from importlib import metadata
from typing import Final

from opentelemetry.sdk import environment_variables as variables
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from riskmask.server.errors import StartError

EXPORTER: Final = "OTEL_TRACES_EXPORTER"
PROTOCOLS: Final = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
PROTOCOL_VARIABLES: Final = (
    variables.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL,
    variables.OTEL_EXPORTER_OTLP_PROTOCOL,
)
# What OpenTelemetry for Python takes where nothing is named.
DEFAULT_EXPORTER: Final = "otlp"
DEFAULT_PROTOCOL: Final = "grpc"
ENTRY_POINTS: Final = "opentelemetry_traces_exporter"


def provider_from_environment() -> TracerProvider:
    """A provider of this process' own, which sends spans in batches.

    Raises:
        StartError: a variable names an exporter or a protocol that is not there, or has a value
            that its exporter cannot use.
    """
    try:
        provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        for exporter in _exporters():
            provider.add_span_processor(BatchSpanProcessor(exporter))
    except StartError:
        raise
    except Exception as error:  # each variable has its own way to be refused by the SDK
        raise StartError(f"traces: OpenTelemetry cannot be set up: {error}") from error
    return provider


def _exporters() -> list[SpanExporter]:
    named = (os.environ.get(EXPORTER) or DEFAULT_EXPORTER).split(",")
    return [_exporter(name.strip()) for name in named if name.strip().lower() != "none"]


def _exporter(name: str) -> SpanExporter:
    found = metadata.entry_points(
        group=ENTRY_POINTS, name=_otlp() if name == DEFAULT_EXPORTER else name
    )
    if not found:
        raise StartError(
            f"traces: {EXPORTER} names {name!r}, which is not installed; otlp, console and none are"
        )
    try:
        exporter: SpanExporter = next(iter(found)).load()()
    except (OSError, ValueError) as error:
        raise StartError(f"traces: the exporter {name} cannot be used: {error}") from None
    return exporter


def _otlp() -> str:
    for variable in PROTOCOL_VARIABLES:
        protocol = os.environ.get(variable, "").strip()
        if not protocol:
            continue
        if protocol not in PROTOCOLS:
            raise StartError(
                f"traces: {variable} is {protocol!r}; it may be {' or '.join(PROTOCOLS)}"
            )
        return PROTOCOLS[protocol]
    return PROTOCOLS[DEFAULT_PROTOCOL]


def _resource() -> Resource:
    """What the environment says of this process, over riskmask's name and version."""
    said = Resource.create()
    name = str(said.attributes[SERVICE_NAME])
    own = {SERVICE_VERSION: metadata.version("riskmask")}
    resource = Resource(own).merge(said)
    # the SDK's word for "nobody has named it"
    unnamed = name.startswith("unknown_service")
    return resource.merge(Resource({SERVICE_NAME: "riskmask"})) if unnamed else resource
