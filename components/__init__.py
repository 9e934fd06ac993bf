"""What runs inside a pipeline step: ingest to pusher, model families, serving."""
