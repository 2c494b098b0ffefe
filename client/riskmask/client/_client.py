"""The blocking client."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from riskmask.client._channel import (
    DEFAULT_MESSAGE_BYTES,
    DEFAULT_TIMEOUT,
    Connection,
    Deadline,
    checked_timeout,
)
from riskmask.client._errors import (
    DeadlineExceeded,
    Overloaded,
    RiskmaskError,
    ServiceUnavailable,
)
from riskmask.client._fallback import Fallback, fallback
from riskmask.client._local import LocalTransport
from riskmask.client._messages import Options, reusable, to_analysis, to_message, to_server_info
from riskmask.client._raw import RawImage
from riskmask.client._remote import RemoteTransport
from riskmask.client._server_info import ServerInfo
from riskmask.client._transport import Transport
from riskmask.client._types import Analysis
from riskmask.client._verification import Verification, VerifyOptions
from riskmask.client._verify_messages import to_verification, to_verify_message


class Client:
    """Asks a server, or the engine in this process, what a codec would change in an image.

        with Client("127.0.0.1:50551") as client:
            analysis = client.analyze(Path("sign.jpg"), codec="hyperprior", bpp=0.25)

    Safe to use from several threads.

    Args:
        address: ``HOST:PORT`` or ``unix:PATH``.
        timeout: seconds that a call may take, unless the call says otherwise.
        max_message_bytes: of one message in either direction.
        tls: encrypt; always on when certificates are given.
        root_certificates: PEM of the authorities to trust instead of the system's.
        token: sent with every call; over TLS or a Unix socket only.
        certificate: PEM chain and PEM key of this client, where the server wants one.
        transport: carries the calls instead of a connection to ``address``.
    """

    def __init__(
        self,
        address: str = "127.0.0.1:50551",
        *,
        timeout: float = DEFAULT_TIMEOUT,
        max_message_bytes: int = DEFAULT_MESSAGE_BYTES,
        tls: bool = False,
        root_certificates: bytes | None = None,
        token: str | None = None,
        certificate: tuple[bytes, bytes] | None = None,
        transport: Transport | None = None,
    ) -> None:
        self._timeout = checked_timeout(timeout)
        self._transport: Transport = transport or RemoteTransport(
            Connection(address, max_message_bytes, tls, root_certificates, token, certificate)
        )

    @classmethod
    def local(
        cls,
        *,
        model: Path | None = None,
        profiles: Path | None = None,
        face_detector: Path | None = None,
        icons: Path | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Self:
        """A client with the engine in this process; needs ``riskmask[server]``.

        Args:
            model: an ONNX file instead of the packaged model.
            profiles: a folder of codec profiles (``NAME.json``) beside the packaged ones.
            face_detector: YuNet's ONNX file, for the verification of faces.
            icons: a folder of ``FAMILY__NAME.svg``, for the verification of icons.
            timeout: seconds that a call may take, unless the call says otherwise.

        Raises:
            EngineNotInstalled: the engine is not installed here.
            InternalError: the model cannot be used.
        """
        return cls(timeout=timeout, transport=LocalTransport(model, profiles, face_detector, icons))

    def analyze(
        self,
        image: bytes | Path | RawImage,
        *,
        timeout: float | None = None,
        **options: Unpack[Options],
    ) -> Analysis:
        """What the codec would change in this image, and what to do about it.

        Args:
            image: an image file's bytes, its path, or raw pixels.
            timeout: seconds for this call.
            options: see :class:`Options`; none is needed.

        Raises:
            RiskmaskError: one of its kinds, by what went wrong.
        """
        deadline = Deadline(self._seconds(timeout))
        request = to_message(image, options)
        response = self._transport.analyze(request, deadline.remaining())
        return to_analysis(response.analysis)

    def analyze_or_fallback(
        self,
        image: bytes | Path | RawImage,
        *,
        timeout: float | None = None,
        **options: Unpack[Options],
    ) -> Analysis | Fallback:
        """As :meth:`analyze`, but never without an answer because of the service.

        Where no server answers, its queue is full or ``timeout`` is over, the answer is a
        :class:`Fallback`: JPEG at quality 92, 4:4:4. It comes within ``timeout``.

        Raises:
            RiskmaskError: the image or an option is wrong, or the server failed on it.
        """
        try:
            return self.analyze(image, timeout=timeout, **options)
        except (ServiceUnavailable, Overloaded, DeadlineExceeded) as error:
            return fallback(error)

    def analyze_many(
        self,
        images: Iterable[bytes | Path | RawImage],
        *,
        concurrency: int = 2,
        timeout: float | None = None,
        **options: Unpack[Options],
    ) -> Iterator[Analysis | RiskmaskError]:
        """One outcome per image, in their order; a bad image yields its error and ends nothing.

        Args:
            images: taken as they are needed, at most ``concurrency`` ahead.
            concurrency: images in the works at the same time, at least 1; the engine in this
                process takes one at a time, whatever this says.
            timeout: seconds for each image.
            options: the same for all; see :class:`Options`.
        """

        shared = reusable(options)
        if isinstance(self._transport, LocalTransport):
            concurrency = 1  # waiting for its turn is no part of an image's time

        def outcome(image: bytes | Path | RawImage) -> Analysis | RiskmaskError:
            try:
                return self.analyze(image, timeout=timeout, **shared)
            except RiskmaskError as error:
                return error

        pending: deque[Future[Analysis | RiskmaskError]] = deque()
        with ThreadPoolExecutor(concurrency, thread_name_prefix="riskmask") as pool:
            try:
                for image in images:
                    pending.append(pool.submit(outcome, image))
                    if len(pending) >= concurrency:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                for future in pending:
                    future.cancel()

    def verify(
        self,
        original: bytes | Path | RawImage,
        reconstruction: bytes | Path | RawImage,
        *,
        timeout: float | None = None,
        **options: Unpack[VerifyOptions],
    ) -> Verification:
        """What a reconstruction changed in meaning, measured by annotators.

        Args:
            original: an image file's bytes, its path, or raw pixels.
            reconstruction: the same for what a decoder made of it; as wide and as high.
            timeout: seconds for this call; reading a page of text may take more than the default.
            options: see :class:`VerifyOptions`; none is needed.

        Raises:
            NotSupported: no annotators are installed there, or not one that was asked for.
            RiskmaskError: another of its kinds, by what went wrong.
        """
        deadline = Deadline(self._seconds(timeout))
        request = to_verify_message(original, reconstruction, options)
        return to_verification(self._transport.verify(request, deadline.remaining()))

    def server_info(self, *, timeout: float | None = None) -> ServerInfo:
        """What answers: its model, codecs, formats and limits."""
        return to_server_info(self._transport.server_info(self._seconds(timeout)))

    def _seconds(self, timeout: float | None) -> float:
        return self._timeout if timeout is None else checked_timeout(timeout)

    def close(self) -> None:
        """Lets go of the connection or the engine."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
