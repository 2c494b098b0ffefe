"""Where a server may listen, and taking over what a dead one left behind."""

from __future__ import annotations

import ipaddress
import socket
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from riskmask.server.errors import StartError


@dataclass(frozen=True)
class Address:
    """A TCP address or the path of a Unix socket, whichever is set."""

    host: str = ""
    port: int = 0
    path: Path | None = None

    @property
    def is_local(self) -> bool:
        """Whether nobody outside of this machine can connect."""
        if self.path is not None or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """``HOST:PORT``, ``[IPV6]:PORT`` or ``unix:PATH``.

    Raises:
        ValueError: the text is none of them.
    """
    if text.startswith("unix:"):
        path = text.removeprefix("unix:").removeprefix("//")
        # the kernel keeps 108 bytes for the path, one of them the closing zero
        if not 0 < len(path.encode()) < 108:
            raise ValueError(f"address {text}: a socket's path has 1 to 107 bytes")
        return Address(path=Path(path))
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65536):
        raise ValueError(
            f"address {text}: expected HOST:PORT with a port in 0..65535, or unix:PATH"
        )
    return Address(host=host, port=int(port))


def clear_stale_socket(path: Path) -> None:
    """Removes a socket that nobody listens on; gRPC itself would remove a living one too.

    Raises:
        StartError: somebody listens there, or the path is something other than a socket.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise StartError(f"address unix:{path}: there is no folder {path.parent}") from None
        return
    if not stat.S_ISSOCK(mode):
        raise StartError(f"address unix:{path}: a file that is not a socket is in the way")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise StartError(f"address unix:{path}: {error.strerror or error}") from None
    raise StartError(f"address unix:{path}: a server is listening there already")


def check_port_is_free(address: Address) -> None:
    """Makes sure that a TCP port can be had; gRPC's own refusal does not say why.

    Raises:
        StartError: the port is taken, or the address is not this machine's.
    """
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, kind, protocol, _, place in found:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
    except OSError as error:
        raise StartError(f"address {address}: {error.strerror or error}") from None


@contextmanager
def shared_ports(addresses: Sequence[Address]) -> Iterator[tuple[Address, ...]]:
    """Holds TCP ports for processes that listen on them together (SO_REUSEPORT).

    Yields:
        the addresses, free ports filled in.

    Raises:
        StartError: a port is taken, or an address is not this machine's.
    """
    with ExitStack() as held:
        yield tuple(
            address if address.path is not None else _share(address, held) for address in addresses
        )


def _share(address: Address, held: ExitStack) -> Address:
    # A socket that is bound and never listens gets no connection, but keeps strangers away.
    check_port_is_free(address)
    port = address.port
    try:
        for family, kind, protocol, _, place in socket.getaddrinfo(
            address.host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            holder = held.enter_context(socket.socket(family, kind, protocol))
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            # Connections that an earlier server closed do not take the port for a minute more.
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind((place[0], port, *place[2:]))
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
            port = holder.getsockname()[1]
    except OSError as error:
        raise StartError(f"address {address}: {error.strerror or error}") from None
    return Address(host=address.host, port=port)
