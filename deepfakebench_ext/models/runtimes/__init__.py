"""Exported networks, run by onnxruntime or OpenVINO."""
