"""Fit a codec profile for any codec that can be called from Python."""
