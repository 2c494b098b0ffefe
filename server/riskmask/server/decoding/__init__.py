"""Decoding in processes of its own: a decoder that crashes or hangs takes one image with it."""
