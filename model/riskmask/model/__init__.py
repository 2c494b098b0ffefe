"""Everything about the model: running it, and behind the extra ``train``, making it."""

import os

# ONNX Runtime reports usage unless told otherwise before its first import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
