"""TLS from PEM files that may be exchanged while the server runs."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

import grpc

from riskmask.server.errors import StartError
from riskmask.server.watched import Fingerprint, fingerprint

log = logging.getLogger(__name__)


class Certificates:
    """A certificate chain, its key and, for mutual TLS, the authorities of clients.

    Args:
        chain: PEM, the server's own certificate first.
        key: PEM, of the chain's first certificate.
        client_authorities: PEM; clients then need a certificate of one of them.

    Raises:
        StartError: a file cannot be read, or they do not fit together.
    """

    def __init__(self, chain: Path, key: Path, client_authorities: Path | None = None) -> None:
        self._chain, self._key, self._authorities = chain, key, client_authorities
        self._seen: Fingerprint = fingerprint(*self._files)
        try:
            self._current = self._read()
        except (OSError, ssl.SSLError) as error:
            raise StartError(f"tls_cert, tls_key, tls_client_ca: {_why(error)}") from None

    def credentials(self) -> grpc.ServerCredentials:
        """For a port; gRPC asks for the current files at every handshake."""
        return grpc.dynamic_ssl_server_credentials(
            self._current,
            self.newer,  # type: ignore[arg-type]  # the types lack None, which is "no change"
            require_client_authentication=self._authorities is not None,
        )

    def newer(self) -> grpc.ServerCertificateConfiguration | None:
        """The files if they have changed and are sound, else None: gRPC keeps what it has."""
        now = fingerprint(*self._files)
        if now == self._seen:
            return None
        try:
            fresh = self._read()
        except (OSError, ssl.SSLError) as error:
            # Half of an exchange: chain and key do not fit yet. Asked again at the next handshake.
            log.warning("new certificates cannot be used, the old ones stay: %s", _why(error))
            return None
        self._seen, self._current = now, fresh
        log.info("new certificates are in use")
        return fresh

    @property
    def _files(self) -> tuple[Path, ...]:
        files = (self._chain, self._key)
        return files if self._authorities is None else (*files, self._authorities)

    def _read(self) -> grpc.ServerCertificateConfiguration:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._chain, self._key, password=lambda: b"")
        authorities = None
        if self._authorities is not None:
            context.load_verify_locations(self._authorities)
            authorities = self._authorities.read_bytes()
        pair = (self._key.read_bytes(), self._chain.read_bytes())
        return grpc.ssl_server_certificate_configuration([pair], authorities)


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"{error.reason or error}: chain and key do not fit, or are not PEM"
    return f"{error.strerror}: {error.filename}"
