"""Compile a family for Vertex AI Pipelines, with TFX's own KubeflowV2DagRunner."""

from __future__ import annotations

import json

from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import (
    KubeflowV2DagRunner,
    KubeflowV2DagRunnerConfig,
)
from tfx.orchestration.pipeline import Pipeline

_ROOT = "gcsOutputDirectory"


def compile_for_vertex(pipeline: Pipeline, image: str) -> str:
    """Return the pipeline job as JSON.

    Vertex runs executors but no custom drivers: neither the contents of the data nor the live version decide
    what is re-used there. It mounts buckets at `/gcs/<bucket>`: models can be pushed there by LODESTAR_HOME.

    Args:
        pipeline: Assembled; a root outside Cloud Storage is left out, to be given at submission.
        image: Pinned reference of the steps' image, in a registry that Vertex can read.
    """
    config = KubeflowV2DagRunnerConfig(default_image=image)
    job = KubeflowV2DagRunner(config=config).run(pipeline, write_out=False)
    if not pipeline.pipeline_info.pipeline_root.startswith("gs://"):
        job["runtimeConfig"].pop(_ROOT, None)
    return json.dumps(job, indent=2, sort_keys=True) + "\n"
