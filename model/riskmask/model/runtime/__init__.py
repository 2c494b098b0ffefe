"""What answers requests: the predictor over ONNX Runtime, its weights and the codec profiles."""
