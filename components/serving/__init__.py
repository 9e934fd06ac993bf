"""Serve models with TensorFlow Serving's REST and gRPC APIs.

`server` starts it all. `source` and `root_config` say which versions there are, `policy` which of them to
load, `versions` loads and unloads them, `labels` names them, and `manager` joins these for `rest_api` and
`grpc_api`, which answer requests. `loader` verifies (`operations`) and warms up (`warmup`) what it loads into
a `servable`. `client`, `flags`, `config` and `options` need no TensorFlow.
"""
