"""``riskmask serve``: the flags, which go over the environment and the file."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from riskmask.client.cli_connection import fail

if TYPE_CHECKING:
    from riskmask.server.settings import ServerSettings


def serve(
    config: Annotated[
        Path | None, typer.Option(help="TOML file of options by name, such as queue = 32.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Load everything, say whether it would do, and leave.")
    ] = False,
    address: Annotated[
        list[str] | None,
        typer.Option(help="HOST:PORT or unix:PATH, repeatable [127.0.0.1:50551]."),
    ] = None,
    socket: Annotated[
        Path | None, typer.Option(help="Unix socket to listen on; the same as unix:PATH.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that share the addresses [1].")
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Allow TCP beyond loopback without TLS.")
    ] = False,
    tls_cert: Annotated[Path | None, typer.Option(help="PEM certificate chain.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM private key.")] = None,
    tls_client_ca: Annotated[
        Path | None, typer.Option(help="PEM of the authorities whose clients may connect.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="Accepted bearer tokens, one a line.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="An ONNX file instead of the packaged model.")
    ] = None,
    profiles: Annotated[
        Path | None, typer.Option(help="A folder of codec profiles beside the packaged ones.")
    ] = None,
    face_detector: Annotated[
        Path | None, typer.Option(help="YuNet's ONNX file, so that faces can be verified.")
    ] = None,
    icons: Annotated[
        Path | None, typer.Option(help="A folder of FAMILY__NAME.svg to verify icons by.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Analyses at the same time [1].")] = None,
    model_threads: Annotated[
        int | None, typer.Option(help="Threads of the model in one analysis [all cores].")
    ] = None,
    batch_tiles: Annotated[
        int | None, typer.Option(help="Tiles of one shape through the model together [1].")
    ] = None,
    batch_wait_seconds: Annotated[
        float | None, typer.Option(help="That a tile waits for others, to fill a batch [0].")
    ] = None,
    queue: Annotated[int | None, typer.Option(help="Analyses that may wait [16].")] = None,
    stream_places: Annotated[
        int | None, typer.Option(help="Images of one stream in the works [2].")
    ] = None,
    max_streams: Annotated[
        int | None, typer.Option(help="Streams open at the same time [16].")
    ] = None,
    max_analyses: Annotated[
        int | None, typer.Option(help="Calls of Analyze that run or wait [threads and queue].")
    ] = None,
    max_verifications: Annotated[
        int | None,
        typer.Option(help="Calls of Verify that run or wait [threads and half of the queue]."),
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option(help="That an answer may take [120].")
    ] = None,
    max_image_bytes: Annotated[
        int | None, typer.Option(help="Largest image accepted, in bytes [67108864].")
    ] = None,
    max_image_pixels: Annotated[
        int | None, typer.Option(help="Largest image accepted, in pixels [100000000].")
    ] = None,
    max_image_side: Annotated[
        int | None, typer.Option(help="Longest side of an image accepted, in pixels [32768].")
    ] = None,
    decode_processes: Annotated[
        int | None, typer.Option(help="Processes that decode apart, 0 decodes in the server [0].")
    ] = None,
    decode_memory_bytes: Annotated[
        int | None, typer.Option(help="Address space of each of them [by the largest image].")
    ] = None,
    max_message_bytes: Annotated[
        int | None, typer.Option(help="Of one message in either direction [75497472].")
    ] = None,
    drain_seconds: Annotated[
        float | None, typer.Option(help="Wait for calls in flight when stopping [20].")
    ] = None,
    max_connection_age_seconds: Annotated[
        int | None, typer.Option(help="Until a client has to connect anew, 0 never [3600].")
    ] = None,
    max_connection_age_grace_seconds: Annotated[
        float | None, typer.Option(help="That its calls may still take then [max_seconds].")
    ] = None,
    keepalive_seconds: Annotated[
        int | None, typer.Option(help="Silence until a client is asked whether it is there [60].")
    ] = None,
    keepalive_timeout_seconds: Annotated[
        int | None, typer.Option(help="Until a client that does not answer is let go [20].")
    ] = None,
    min_ping_seconds: Annotated[
        int | None, typer.Option(help="Between two pings of a client [10].")
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve Prometheus metrics on this port [none].")
    ] = None,
    metrics_address: Annotated[
        str | None, typer.Option(help="IP address to serve the metrics on [127.0.0.1].")
    ] = None,
    traces: Annotated[
        bool, typer.Option("--traces", help="Send OpenTelemetry spans where OTEL_* say.")
    ] = False,
) -> None:
    """Serve over gRPC until SIGTERM; SIGHUP loads the model anew. RISKMASK_* set options too."""
    flags = {**locals(), "insecure": insecure or None, "traces": traces or None}
    for own in ("config", "check", "socket"):
        flags.pop(own)
    addresses = (*(address or ()), *([f"unix:{socket}"] if socket is not None else ()))
    flags["address"] = addresses or None
    try:
        from riskmask.model.runtime.errors import AssetError
        from riskmask.server.errors import StartError
        from riskmask.server.logs import log_to_stderr
        from riskmask.server.settings import load_settings
    except ModuleNotFoundError as missing:
        fail(f"serving needs {missing.name}: pip install 'riskmask[server]'")
    log_to_stderr(logging.INFO)
    try:
        settings = load_settings(config, **flags)
        if check:
            _check(settings)
        elif settings.workers > 1:
            raise typer.Exit(_serve_with_workers(settings))
        else:
            _serve_here(settings)
    except (StartError, AssetError) as error:
        fail(str(error))
    except ModuleNotFoundError as missing:
        fail(f"serving needs {missing.name}: pip install 'riskmask[server]'")


def _check(settings: ServerSettings) -> None:
    from riskmask.server import process

    engine = process.check(settings)
    print(f"model {engine.model.name}, sha256 {engine.model.sha256}")
    print(f"codecs {', '.join(engine.profiles)}")
    print(f"would listen on {', '.join(settings.address)}")


def _serve_here(settings: ServerSettings) -> None:
    from riskmask.server import process

    process.run(
        settings,
        lambda server: _say_ready(
            [str(address) for address in server.bound],
            settings.metrics_address,
            [] if server.metrics.port is None else [server.metrics.port],
        ),
    )


def _serve_with_workers(settings: ServerSettings) -> int:
    # The engine is not imported: the workers load it, each for itself.
    from riskmask.server import supervisor

    return supervisor.run(
        settings,
        lambda workers: _say_ready(
            dict.fromkeys(address for said in workers for address in said.addresses),
            settings.metrics_address,
            [said.metrics_port for said in workers if said.metrics_port is not None],
        ),
    )


def _say_ready(
    addresses: Iterable[str], metrics_address: str, metrics_ports: Iterable[int]
) -> None:
    from riskmask.server.addresses import Address, parse_address

    bound = list(addresses)
    for address in bound:
        print(f"listening on {address}", flush=True)
    for port in metrics_ports:
        print(f"metrics on http://{Address(metrics_address, port)}/metrics", flush=True)
    if all(parse_address(address).is_local for address in bound):
        print(
            "only this machine can connect; to be reached from others: --address "
            "0.0.0.0:50551 with --tls-cert and --tls-key, or --insecure",
            flush=True,
        )
