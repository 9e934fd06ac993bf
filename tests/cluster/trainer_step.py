"""Runs in a pod: the Trainer's executor on the ratings of the volume, as TFX's launcher calls it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.proto.orchestration import pipeline_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import json_utils

from components.tfjob.executor import DistributedExecutor

RATINGS = "/lodestar/ratings"


def main() -> None:
    """Train with the settings in the folder that the command line names; leave `model` there."""
    folder = Path(sys.argv[1])
    examples, graph = standard_artifacts.Examples(), standard_artifacts.TransformGraph()
    examples.uri, graph.uri = f"{RATINGS}/transformed", f"{RATINGS}/graph"
    examples.split_names = artifact_utils.encode_split_names(["eval", "items", "train", "users"])
    examples.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    examples.set_string_custom_property("file_format", "tfrecords_gzip")
    model, run = standard_artifacts.Model(), standard_artifacts.ModelRun()
    model.uri, run.uri = str(folder / "model"), str(folder / "model_run")
    properties = {
        "run_fn": "components.models.matrix_factorization.trainer.run_fn",
        "train_args": json.dumps({"splits": ["train"]}),
        "eval_args": json.dumps({"splits": ["eval"]}),
        "custom_config": json_utils.dumps({"settings": (folder / "settings.json").read_text()}),
    }
    context = BaseExecutor.Context(
        tmp_dir=str(folder / ".system" / "executor_execution" / "1"),
        unique_id="1",
        pipeline_info=pipeline_pb2.PipelineInfo(id="matrix-factorization"),
        pipeline_run_id=folder.name,
    )
    DistributedExecutor(context).Do(
        {"examples": [examples], "transform_graph": [graph]},
        {"model": [model], "model_run": [run]},
        properties,
    )


if __name__ == "__main__":
    main()
