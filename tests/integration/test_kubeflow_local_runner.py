"""A compiled spec under kfp.local of the newest SDK: another reader of placeholders, order and reports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.newest_kfp import newest_kfp

from .conftest import REPOSITORY

# The runner would take only components that the SDK made of Python functions; nothing else is changed.
RUN = """
import os, sys
from kfp import components, local
from kfp.local.subprocess_task_handler import SubprocessTaskHandler
SubprocessTaskHandler.validate_not_container_component = lambda self, command: None
spec, root, steps_python = sys.argv[1:]
os.environ["PATH"] = steps_python + os.pathsep + os.environ["PATH"]
local.init(local.SubprocessRunner(use_venv=False), pipeline_root=root)
pipeline = components.load_component_from_text(open(spec).read())
pipeline(word="it's", times=7)
"""


def test_kfp_local_runs_every_step_and_reads_what_it_reports(tmp_path: Path) -> None:
    schema, home, spec = tmp_path / "schema", tmp_path / "home", tmp_path / "toy.yaml"
    schema.mkdir()
    platform = {
        "namespace": "kubeflow",
        "image": "lodestar/pipelines",
        "service_account": "lodestar-pipeline",
        "metadata": f"sqlite://{tmp_path}/mlmd.sqlite",
        "root": str(home),
        "volumes": [{"claim": "lodestar", "mount": str(tmp_path)}],
    }
    (tmp_path / "platform.yaml").write_text(yaml.safe_dump(platform))
    env = {**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'tests'}"}
    script = str(REPOSITORY / "tests" / "toy_pipeline.py")
    subprocess.run(
        [sys.executable, "-W", "ignore", script, str(tmp_path), str(schema), str(spec)], check=True, env=env
    )

    command = [*newest_kfp(), "-c", RUN, str(spec), str(tmp_path / "kfp"), str(Path(sys.executable).parent)]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("finished with status") == 6  # five steps and the pipeline
    [given] = home.rglob("given.txt")
    assert given.read_text() == '"it\'s" 7 0.5'
    assert f"uri='{given.parent}'" in done.stdout + done.stderr
