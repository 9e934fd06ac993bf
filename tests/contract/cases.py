"""Which file has which case of TensorFlow Serving's behaviour: the ids of its parametrised tests begin so.

R routing and errors, J JSON to tensors, T tensors to JSON, C classify, regress and MultiInference, P predict
over gRPC, metadata and status. The life of versions (V), reloads and labels (L) and faults (X) are tests of
their own, which name their case in a comment on their first line.
"""

from __future__ import annotations

_ROUTING = {
    "R1": "a request without a model's name",
    "R2": "paths that do not exist, repeated in the error",
    "R3": "other HTTP methods",
    "R4": "a method in capitals",
    "R5": "anything outside /v1/ is not JSON",
    "R6": "a version too large for 64 bits",
    "R7": "an unknown model",
    "R8": "an unknown version",
    "R9": "an unknown label",
    "R10": "invalid JSON for an unknown model: parsing comes first",
    "R11": "an empty body",
    "R12": "JSON that is cut off",
    "R13": "JSON that is no object",
    "R14": "a signature name that is no string",
    "R15": "an unknown signature",
    "R16": "instances and inputs in one request",
    "R17": "neither of them",
    "R18": "instances that are no list",
    "R19": "no instances",
    "R20": "a percent-encoded name",
    "R22": "unknown top-level keys",
    "R23": "a CORS preflight without an origin",
}
_JSON_TO_TENSOR = {
    "J1": "rows with one input",
    "J2": "rows with several inputs",
    "J3": "plain rows for several inputs",
    "J4": "plain rows and objects in one list",
    "J5": "columns, extra keys, scalars",
    "J6": "ragged lists",
    "J7": "integers in a float tensor",
    "J8": "decimals and large numbers in an integer tensor",
    "J9": "text in a float tensor",
    "J10": "null",
    "J11": "NaN and infinities in and out",
    "J12": "numbers too large or too small for a float",
    "J14": "types that JSON cannot fill",
    "J15": "base64",
    "J17": "depth in a key that nobody reads",
    "J18": "depth in a key that is read",
    "J19": "gzip, and bombs in it",
}
_TENSOR_TO_JSON = {
    "T1": "rows",
    "T2": "columns",
    "T3": "text and bytes",
    "T4": "a scalar in rows",
    "T6": "no rows",
    "T7": "types that JSON cannot show",
    "T8": "the form of numbers",
    "T9": "the layout, byte for byte",
}
_INFERENCE = {
    "C1": "classifications",
    "C2": "regressions",
    "C3": "no examples",
    "C4": "an empty list of examples",
    "C5": "examples that are no objects",
    "C6": "types of features",
    "C7": "features of mixed type",
    "C8": "values that no feature has",
    "C9": "integers above 63 bits",
    "C10": "a context",
    "C11": "an empty input over gRPC",
    "C12": "an unknown signature",
    "C13": "a signature with two inputs",
    "C14": "a signature with three outputs",
    "C15": "two models in one MultiInference",
    "C16": "a signature twice",
    "C17": "an unknown signature in a MultiInference",
    "C18": "an unknown method",
}
_GRPC = {
    "P1": "inputs that the signature does not have",
    "P2": "an output filter that does not fit",
    "P3": "what answered",
    "P4": "no model spec",
    "P5": "metadata fields",
    "P6": "metadata over REST",
    "P7": "status over REST",
    "P9": "the status of what is not there",
}
_READINESS = {"P10": "status and metadata of a model that is not available"}

BY_FILE = {
    "test_routing.py": _ROUTING,
    "test_json_to_tensor.py": _JSON_TO_TENSOR,
    "test_tensor_to_json.py": _TENSOR_TO_JSON,
    "test_inference.py": _INFERENCE,
    "test_grpc.py": _GRPC,
    "test_readiness.py": _READINESS,
}

LIFE = {
    "test_lifecycle.py": {
        "V1": "how versions are found",
        "V4": "a base path without versions",
        "V5": "a new version",
        "V6": "a new version that is broken",
        "V7": "rollback by deleting the newest version",
        "V8": "unloading with requests under way",
        "V12": "a version that is half there",
        "X12": "a root that goes and comes back",
        "X13": "tampered versions",
    },
    "test_start.py": {
        "V9": "a model that does not load at the start",
        "V10": "a version that needs more memory than there is",
        "L10": "a configuration that cannot be read at the start",
        "L11": "labels in the first configuration",
        "L12": "a configuration that cannot be read later",
        "L13": "a file that undoes a reload",
    },
    "test_reload.py": {
        "V2": "version policies",
        "V3": "a base path that is missing",
        "L1": "models that come and go",
        "L2": "a model listed twice",
        "L3": "a relative base path",
        "L4": "another platform",
        "L5": "a model that does not load",
        "L6": "a model without versions",
        "L7": "a label that would move to what is not loaded",
        "L8": "the two steps that move a label",
        "L9": "a base path outside the root of root mode",
        "X15": "rollback while a version loads",
    },
    "test_retries.py": {"V11": "a version that fails is tried again, and what waits for that"},
}
