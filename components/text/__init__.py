"""Text analysis as TensorFlow string ops: one graph for Transform, training and the served model."""
