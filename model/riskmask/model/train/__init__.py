"""Training: the codecs, the detector, levels and profiles."""
