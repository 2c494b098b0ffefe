"""What a server answers with, as its settings name it."""

from __future__ import annotations

from riskmask.server.engine.engine import Engine
from riskmask.server.settings import ServerSettings
from riskmask.server.verification.availability import AnnotatorFiles
from riskmask.server.verification.verifier import Verifier


def load_engine(settings: ServerSettings) -> Engine:
    """The engine that these settings name, from its files as they are now.

    Raises:
        AssetError: the model or a codec profile cannot be used.
    """
    return Engine.default(
        model=settings.model,
        profiles=settings.profiles,
        threads=settings.model_threads,
        limits=settings.limits,
    )


def load_warm_engine(settings: ServerSettings) -> Engine:
    """The same, once the model has run on every shape of tile.

    Raises:
        AssetError: the model or a codec profile cannot be used, or the model failed.
    """
    engine = load_engine(settings)
    engine.warm()
    return engine


def load_verifier(settings: ServerSettings) -> Verifier:
    """What these settings let a server verify; loads nothing yet."""
    return Verifier(
        AnnotatorFiles(settings.face_detector, settings.icons),
        limits=settings.limits,
        threads=settings.model_threads,
    )
