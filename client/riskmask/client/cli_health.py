"""``riskmask health``: whether a server takes requests; what a container's health check runs."""

from __future__ import annotations

from typing import Annotated, Final

import grpc
import typer

from riskmask.client._channel import Connection, checked_timeout, to_error
from riskmask.client.cli import app
from riskmask.client.cli_connection import (
    Ca,
    Cert,
    Credentials,
    Key,
    Tls,
    errors_on_one_line,
)

# grpc.health.v1: an empty HealthCheckRequest asks about the whole server; in the answer, field 1
# is the status and 1 is SERVING. So the client needs no package for two bytes.
METHOD: Final = "/grpc.health.v1.Health/Check"
SERVING: Final = b"\x08\x01"
NOT_SERVING: Final = 1


@app.command()
def health(
    address: Annotated[
        str, typer.Option(help="A server, HOST:PORT or unix:PATH; of several the first counts.")
    ],
    tls: Tls = False,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    timeout: Annotated[float, typer.Option(help="Seconds that the answer may take.")] = 5.0,
) -> None:
    """Ask a server whether it takes requests: exit status 0 if so. Needs no token."""
    with errors_on_one_line():
        seconds = checked_timeout(timeout)
        arguments = Credentials(tls, ca, cert, key).arguments()
        connection = Connection(address.split(",")[0].strip(), **arguments)
        credentials = connection.credentials
        with (
            grpc.insecure_channel(connection.address, connection.options)
            if credentials is None
            else grpc.secure_channel(connection.address, credentials, connection.options)
        ) as channel:
            check = channel.unary_unary(
                METHOD, request_serializer=bytes, response_deserializer=bytes
            )
            try:
                answer = check(b"", timeout=seconds)
            except grpc.RpcError as failure:
                raise to_error(failure, connection.address) from None
    typer.echo("SERVING" if answer == SERVING else "NOT_SERVING")
    raise typer.Exit(0 if answer == SERVING else NOT_SERVING)
