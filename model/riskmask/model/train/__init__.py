"""Training: the reference codec, the detector, the JPEG profile."""
