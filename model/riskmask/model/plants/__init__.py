"""Planted changes: pairs of pictures whose truth is known, and how well annotators find it."""
