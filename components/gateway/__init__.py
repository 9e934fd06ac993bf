"""The search and recommendation API for people and programs, on top of any TensorFlow Serving."""
