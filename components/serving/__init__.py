"""Serve models with TensorFlow Serving's REST and gRPC APIs.

`server` puts the parts together: `source` finds versions on disk, `manager` loads and unloads them,
`servable` runs one loaded version, `rest_api` and `grpc_api` answer requests. `client` needs no TensorFlow.
"""
