"""The reference codec, ``hyperprior``: its quantiser step defines the level."""

from __future__ import annotations

from riskmask.model.codecs.learned import LearnedCodec
from riskmask.model.codecs.network import HyperpriorNetwork
from riskmask.model.codecs.weight_files import save_weights

__all__ = ["Hyperprior", "save_weights"]


class Hyperprior(LearnedCodec):
    """Variable-rate mean-scale hyperprior; one network for all levels and for level maps."""

    name = "hyperprior"
    network_class = HyperpriorNetwork
    fitted = False
