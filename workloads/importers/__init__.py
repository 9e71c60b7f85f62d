"""Networks from files: ONNX graphs and SCALE-Sim topologies."""
