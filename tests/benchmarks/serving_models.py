"""Models that the serving benchmarks serve.

`python -m tests.benchmarks.serving_models KIND FOLDER` writes one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

WIDTH, LAYERS = 2048, 6


def write(kind: str, folder: Path) -> Path:
    """Write the first version of a model, without TensorFlow running in this process.

    Args:
        kind: `heavy` reads the same 100 MB of weights whether it gets one row or a hundred; `text_search` is
            the family of that name, trained on SciFact.
        folder: The model's folder.
    """
    command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.serving_models", kind, folder / "1"]
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
    return folder / "1"


def _heavy(folder: Path) -> None:
    import tensorflow as tf

    class Heavy(tf.Module):
        """Matrix products that are bound by reading the matrices."""

        def __init__(self) -> None:
            super().__init__()
            shape, scale = [WIDTH, WIDTH], WIDTH**-0.5
            self.layers = [
                tf.Variable(tf.random.stateless_normal(shape, [0, n]) * scale) for n in range(LAYERS)
            ]

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def predict(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            state = x[:, tf.newaxis] * tf.ones([WIDTH])
            for layer in self.layers:
                state = tf.nn.relu(state @ layer)
            return {"y": tf.reduce_sum(state, axis=1)}

    model = Heavy()
    tf.saved_model.save(model, str(folder), signatures={"serving_default": model.predict})


def _text_search(folder: Path) -> None:
    import yaml

    from components.datasets.fetch import resolve
    from components.family import find_family
    from components.home import Home
    from tests.prepared import ingest, transform

    family = find_family("text-search")
    sections = yaml.safe_load((family.folder / "config.yaml").read_text())
    sections["data"]["source"] = resolve("scifact", Home.find().data, family.folder / "sample")
    settings = family.settings.model_validate(sections)
    with tempfile.TemporaryDirectory() as scratch:
        ingest(Path(scratch), family, settings)
        prepared = transform(Path(scratch), family, settings)
        family.load("trainer").run_fn(prepared.fn_args(settings, Path(scratch)))
        folder.parent.mkdir(parents=True)
        (Path(scratch) / "serving").rename(folder)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tests.contract.models import write_manifest

    {"heavy": _heavy, "text_search": _text_search}[sys.argv[1]](Path(sys.argv[2]))
    write_manifest(Path(sys.argv[2]))
