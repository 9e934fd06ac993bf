"""Kubeflow Pipelines: compile a pipeline, run its steps in pods, and follow the runs."""
