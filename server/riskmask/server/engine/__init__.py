"""The transport-free core: image bytes in, an analysis out."""
