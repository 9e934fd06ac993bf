"""The models that the contract is checked on, as SavedModels in a folder, and how to serve them.

`python tests/contract/models.py FOLDER` makes them for another server, and prints the flags to start it with.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

VERSION = 123
LABELS = {"stable": 1, "canary": 2}
METRICS_PATH = "/monitoring/prometheus/metrics"
# Only a tensor is written to the SavedModel as a default value.
TRIPLE = tf.constant([3.0])


class HalfPlusTwo(tf.Module):
    """y = slope * x + 2, and the version that answers; the slope is a variable."""

    def __init__(self, slope: float = 0.5, version: int = VERSION) -> None:
        super().__init__()
        self.slope = tf.Variable(slope)
        self.version = tf.Variable(version, dtype=tf.int64)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def predict(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": self.slope * x + 2.0}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def versioned(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": self.slope * x + 2.0, "version": tf.fill(tf.shape(x), self.version)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def slow(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """About a second for x = [1e5]: a loop that the graph optimizer cannot fold."""
        steps = tf.cast(x[0], tf.int32)
        _, total = tf.while_loop(
            lambda step, total: step < steps,
            lambda step, total: (step + 1, total + tf.reduce_mean(x)),
            [0, 0.0],
            parallel_iterations=1,
        )
        return {"y": x + 0.0 * total}


class Text(tf.Module):
    """Strings in, strings out, as text and as bytes, from a table in an asset-free vocabulary."""

    def __init__(self) -> None:
        super().__init__()
        keys, values = tf.constant(["a", "é"]), tf.constant([1, 2], tf.int64)
        self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), -1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def predict(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"text": text, "text_bytes": text, "id": self.table.lookup(text)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def echo(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"text": text}


class Pair(tf.Module):
    """Two inputs of different type and shape, and a scalar output next to batched ones."""

    spec = (
        tf.TensorSpec([None, None], tf.float32, name="a"),
        tf.TensorSpec([None], tf.int32, name="b"),
    )

    @tf.function(input_signature=spec)
    def predict(self, a: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"total": tf.reduce_sum(a, axis=1), "next": b + 1}

    @tf.function(input_signature=spec)
    def scalar(self, a: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"count": tf.shape(a)[0]}

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, name="x")])
    def square(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x * x}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def same(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def imaginary(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"z": tf.complex(x, x)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.half, name="x")])
    def half(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.cast(x, tf.float32)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.bfloat16, name="x")])
    def bfloat16(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.cast(x, tf.float32)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.uint16, name="x")])
    def uint16(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.cast(x, tf.float32)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int8, name="x")])
    def small(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.bool, name="x")])
    def none_of(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.boolean_mask(x, tf.zeros_like(x))}


class Optional(tf.Module):
    """A signature with a default value: y = x * factor, where the factor need not be sent."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.float32, name="x"),
            tf.TensorSpec([None], tf.float32, name="factor"),
        ]
    )
    def predict(self, x: tf.Tensor, factor: Any = TRIPLE) -> dict[str, tf.Tensor]:
        return {"y": x * factor}


class Examples(tf.Module):
    """Signatures over serialized tf.Examples with the features x (float) and name (bytes)."""

    spec = (tf.TensorSpec([None], tf.string, name="inputs"),)

    @tf.function(input_signature=spec)
    def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        features = _parsed(inputs)
        scores = tf.stack([features["x"], 1.0 - features["x"]], axis=1)
        return {
            "classes": tf.stack([features["name"], tf.fill([tf.size(inputs)], "none")], 1),
            "scores": scores,
        }

    @tf.function(input_signature=spec)
    def scores(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scores": self.classify(inputs)["scores"]}

    @tf.function(input_signature=spec)
    def flat_scores(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scores": _parsed(inputs)["x"]}

    @tf.function(input_signature=spec)
    def three(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {**self.classify(inputs), "more": inputs}

    @tf.function(input_signature=[*spec, tf.TensorSpec([None], tf.string, name="others")])
    def two(self, inputs: tf.Tensor, others: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scores": self.classify(inputs)["scores"], "others": others}

    @tf.function(input_signature=spec)
    def regress(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"outputs": 2.0 * _parsed(inputs)["x"]}

    @tf.function(input_signature=spec)
    def pairs(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"outputs": self.classify(inputs)["scores"]}


def _parsed(examples: tf.Tensor) -> dict[str, tf.Tensor]:
    features = {
        "x": tf.io.FixedLenFeature([], tf.float32),
        "name": tf.io.FixedLenFeature([], tf.string, default_value="unnamed"),
    }
    return tf.io.parse_example(examples, features)


def write_half_plus_two(folder: Path, slope: float = 0.5, version: int = VERSION) -> Path:
    """Write a complete version in `folder`."""
    model = HalfPlusTwo(slope, version)
    signatures = {"serving_default": model.predict, "versioned": model.versioned, "slow": model.slow}
    return _write(model, folder, signatures)


def publish_half_plus_two(root: Path, version: int, slope: float = 0.5) -> Path:
    """Write a version aside and rename it in, under `root`."""
    aside = root / f".staging-{version}"
    write_half_plus_two(aside, slope, version)
    return aside.rename(root / str(version))


def write_models(root: Path) -> None:
    """Write every model of the contract under `root`."""
    write_half_plus_two(root / "half_plus_two" / f"{VERSION:08d}")
    write_half_plus_two(root / "a b" / "1")
    for version in LABELS.values():
        write_half_plus_two(root / "labelled" / str(version), slope=float(version), version=version)
    text, pair = Text(), Pair()
    _write(text, root / "text" / "1", {"serving_default": text.predict, "echo": text.echo})
    methods = ("scalar", "square", "same", "imaginary", "half", "bfloat16", "uint16", "small", "none_of")
    signatures = {name: getattr(pair, name) for name in methods}
    _write(pair, root / "pair" / "1", {"serving_default": pair.predict, **signatures})
    optional, examples = Optional(), Examples()
    _write(optional, root / "optional" / "1", {"serving_default": optional.predict})
    methods = ("classify", "scores", "flat_scores", "three", "two", "regress", "pairs")
    signatures = {name: getattr(examples, name) for name in methods}
    _write(examples, root / "examples" / "1", {"serving_default": examples.classify, **signatures})


def write_flags(root: Path) -> list[str]:
    """Write the files that say how to serve the models under `root`; return the flags that name them."""
    names = sorted(folder.name for folder in root.iterdir() if folder.is_dir())
    labels = "".join(f' version_labels {{ key: "{label}" value: {n} }}' for label, n in LABELS.items())
    extra = {"labelled": f" model_version_policy {{ all {{}} }}{labels}"}
    entries = "".join(
        f'  config {{ name: "{name}" base_path: "{root / name}" model_platform: "tensorflow"'
        f"{extra.get(name, '')} }}\n"
        for name in names
    )
    models, monitoring = root / "models.config", root / "monitoring.config"
    models.write_text(f"model_config_list {{\n{entries}}}\n")
    monitoring.write_text(f'prometheus_config {{ enable: true path: "{METRICS_PATH}" }}\n')
    return [
        f"--model_config_file={models}",
        f"--monitoring_config_file={monitoring}",
        "--allow_version_labels_for_unavailable_models=true",
        "--rest_api_enable_cors_support=true",
        "--enable_grpc_healthcheck_service=true",
    ]


def write_manifest(folder: Path) -> None:
    """List every file with its sha256, as `sha256sum` does."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "MANIFEST.sha256")
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in files
    ]
    (folder / "MANIFEST.sha256").write_text("".join(lines))


def _write(model: tf.Module, folder: Path, signatures: dict[str, Callable[..., object]]) -> Path:
    tf.saved_model.save(model, str(folder), signatures=signatures)
    write_manifest(folder)
    return folder


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    write_models(Path(sys.argv[1]).absolute())
    print(*write_flags(Path(sys.argv[1]).absolute()))
