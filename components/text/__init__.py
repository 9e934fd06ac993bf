"""Text analysis as TensorFlow string ops: the same graph in Transform, in training and in the served model."""
