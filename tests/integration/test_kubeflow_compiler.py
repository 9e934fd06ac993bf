"""The compiler on pipelines of every shape, and what Kubeflow Pipelines' own code says of its specs."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp.components import load_component_from_text
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx import v1 as tfx
from tfx.orchestration.data_types import RuntimeParameter

from components.errors import InputError
from hparam.plan import SweepPlan
from pipelines.kubeflow import ir as tfx_ir
from pipelines.kubeflow.build import compile_family
from pipelines.kubeflow.compiler import compile_pipeline
from pipelines.kubeflow.launch import bind
from pipelines.kubeflow.platform import Platform, PodSettings, load_platform
from tests import toy_pipeline
from tests.kubeflow_spec import CompiledSpec, Run
from tests.newest_kfp import newest_kfp

from .conftest import REPOSITORY

FAMILIES = ("matrix-factorization", "text-search")
STEPS = (
    "ingest",
    "schema",
    "statistics-gen",
    "example-validator",
    "transform",
    "trainer",
    "evaluator",
    "pusher",
)
STRICT = """
import sys, yaml
from google.protobuf import json_format
from kfp.components import load_component_from_text
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2
for path in sys.argv[1:]:
    text = open(path).read()
    spec, platform = yaml.safe_load_all(text)
    parsed = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(executors) == set(parsed.deployment_spec["executors"]), path
    for config in executors.values():
        json_format.ParseDict(config, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
    for executor in spec["deploymentSpec"]["executors"].values():
        container = pipeline_spec_pb2.PipelineDeploymentConfig.PipelineContainerSpec
        json_format.ParseDict(executor["container"], container())
    assert load_component_from_text(text).platform_spec.platforms
print("valid", len(sys.argv) - 1)
"""


@pytest.fixture(scope="module")
def platform() -> Platform:
    bare = load_platform("kind-cpu")
    return bare.model_copy(update={"steps": {}})


@pytest.fixture(scope="module")
def toy(platform: Platform) -> CompiledSpec:
    return CompiledSpec(compile_pipeline(toy_pipeline.pipeline("gs://bucket/schema"), platform).text)


@pytest.fixture(scope="module")
def families() -> dict[str, str]:
    return {
        f"{family}-{overlay}": compile_family(family, overlay).text
        for family, overlay in itertools.product(FAMILIES, ("kind-cpu", "gpu", "tpu"))
    }


@pytest.fixture(scope="module")
def swept() -> str:
    plan = SweepPlan.model_validate({"budget": {"trials": 6, "parallel": 2}})
    return compile_family("matrix-factorization", "gpu", sweep=plan).text


def pipeline_of(*nodes: Any, name: str = "p") -> tfx.dsl.Pipeline:
    return tfx.dsl.Pipeline(name, "unused", components=list(nodes))


def note(text: Any, node_id: str) -> Any:
    return toy_pipeline.Note(text=text).with_id(node_id)


def test_family_has_one_step_for_each_node(families: dict[str, str]) -> None:
    for text in families.values():
        spec = CompiledSpec(text)
        assert set(spec.steps) == set(STEPS)
        assert spec.steps["transform"].after == {"ingest", "schema", "example-validator"}
        assert spec.steps["pusher"].after == {"ingest", "trainer", "evaluator"}


def test_spec_satisfies_the_schema_of_the_sdk_it_is_submitted_with(
    families: dict[str, str], swept: str
) -> None:
    for text in (*families.values(), swept):
        spec, platform_spec = yaml.safe_load_all(text)
        parsed = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
        json_format.ParseDict(platform_spec, pipeline_spec_pb2.PlatformSpec())
        assert parsed.schema_version == "2.1.0"
        for executor in spec["deploymentSpec"]["executors"].values():
            container = pipeline_spec_pb2.PipelineDeploymentConfig.PipelineContainerSpec()
            json_format.ParseDict(executor["container"], container)
        component = load_component_from_text(text)
        assert set(component.component_spec.inputs) == {"pipeline_root", "rerun_from"}


def test_spec_satisfies_the_newest_sdk(
    families: dict[str, str], swept: str, toy: CompiledSpec, tmp_path: Path
) -> None:
    for name, text in {**families, "swept": swept}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "toy.yaml").write_text(
        "---\n".join(yaml.safe_dump(document) for document in (toy.spec, toy.platform))
    )
    files = sorted(map(str, tmp_path.glob("*.yaml")))
    command = [*newest_kfp(), "-c", STRICT, *files]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert f"valid {len(files)}" in done.stdout, done.stderr


def test_bytes_depend_on_nothing_but_the_content(tmp_path: Path) -> None:
    """Compile in 20 processes that differ in everything a compiler might look at by mistake."""
    zones, locales = ("UTC", "Asia/Kathmandu", "America/St_Johns"), ("C", "C.UTF-8", "tr_TR.UTF-8", "de_DE")
    code = (
        "import sys, hashlib; from pipelines.kubeflow.build import compile_family;"
        f"[print(hashlib.sha256(compile_family(f).text.encode()).hexdigest()) for f in {FAMILIES}]"
    )

    def digests(number: int) -> str:
        folder = tmp_path / f"folder-{number}"
        folder.mkdir()
        env = {
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONHASHSEED": str(number * 7919),
            "TZ": zones[number % 3],
            "LC_ALL": locales[number % 4],
            "HOME": str(folder),
            "LODESTAR_HOME": str(folder / "home"),
            "USER": f"user{number}",
            "COLUMNS": str(40 + number),
        }
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(digests, range(20)))
    here = [hashlib.sha256(compile_family(family).text.encode()).hexdigest() for family in FAMILIES]
    assert set(found) == {"\n".join(here) + "\n"}


def test_order_is_that_of_inputs_conditions_and_explicit_requests(toy: CompiledSpec) -> None:
    after = {key: step.after for key, step in toy.steps.items()}
    assert after == {
        "the-schema": set(),
        "count": {"the-schema"},
        "earlier-model": {"count"},
        "big": {"count"},
        "last": {"big", "earlier-model"},
    }


def test_runtime_parameters_are_typed_and_have_their_defaults(toy: CompiledSpec) -> None:
    declared = toy.spec["root"]["inputDefinitions"]["parameters"]
    assert declared["word"] == {"parameterType": "STRING"}
    assert declared["times"] == {"parameterType": "NUMBER_INTEGER", "defaultValue": 3, "isOptional": True}
    assert declared["rate"] == {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.5, "isOptional": True}
    assert declared["rerun_from"]["defaultValue"] == ""
    assert declared["pipeline_root"]["defaultValue"] == "/lodestar/pipelines/toy-pipeline"
    assert set(toy.steps["count"].task["inputs"]["parameters"]) - set(
        toy.steps["big"].task["inputs"]["parameters"]
    ) == {
        "word",
        "times",
        "rate",
    }


def test_outputs_of_importer_and_resolver_are_declared(toy: CompiledSpec) -> None:
    assert set(toy.steps["the-schema"].outputs) == {"result"}
    assert set(toy.steps["earlier-model"].outputs) == {"model"}
    assert toy.steps["count"].outputs["model"]["artifactType"]["schemaTitle"] == "system.Model"


def test_no_path_of_this_machine_is_in_a_spec(families: dict[str, str]) -> None:
    for text in families.values():
        spec = CompiledSpec(text)
        for step in spec.steps.values():
            command = spec.command(step, Run("r"))
            ir = tfx_ir.unpack(command[command.index("--ir") + 1]).SerializeToString()
            for own in (str(REPOSITORY), f"{Path.home()}/"):
                assert own.encode() not in ir and own not in " ".join(command)


def test_step_knows_its_own_node_and_the_order_of_all(families: dict[str, str]) -> None:
    spec = CompiledSpec(families["matrix-factorization-kind-cpu"])
    command = spec.command(spec.steps["trainer"], Run("r"))
    ir = tfx_ir.unpack(command[command.index("--ir") + 1])
    whole = [n.node_info.id for n in tfx_ir.nodes(ir) if n.HasField("outputs")]
    assert whole == ["Trainer"]
    assert tfx_ir.with_descendants(ir, "Transform") == {"Transform", "Trainer", "Evaluator", "Pusher"}
    assert list(tfx_ir.deployment(ir).executor_specs) == ["Trainer"]


@pytest.mark.parametrize(
    ("start", "cached"), [("", True), ("Trainer", False), ("transform", False), ("Evaluator", True)]
)
def test_cache_is_off_from_the_node_where_a_run_starts(
    families: dict[str, str], start: str, cached: bool
) -> None:
    spec = CompiledSpec(families["matrix-factorization-kind-cpu"])
    command = spec.command(spec.steps["trainer"], Run("r"))
    ir = tfx_ir.unpack(command[command.index("--ir") + 1])
    node = bind(ir, "Trainer", "r", "/root", start, {})
    assert node.execution_options.caching_options.enable_cache is cached


def test_kubeflows_own_cache_is_off(families: dict[str, str]) -> None:
    for text in families.values():
        assert all(step.task["cachingOptions"] == {} for step in CompiledSpec(text).steps.values())


def test_accelerator_scheduling_volume_and_user_reach_the_pod(families: dict[str, str]) -> None:
    spec = CompiledSpec(families["matrix-factorization-gpu"])
    pod = spec.pod(spec.steps["trainer"], Run("r"), "lodestar", "lodestar-pipeline", "trainer")["spec"]
    [container] = pod["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert pod["nodeSelector"] == {"cloud.google.com/gke-accelerator": "nvidia-l4"}
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert container["securityContext"]["runAsUser"] == 1000
    assert {"name": "volume-0", "persistentVolumeClaim": {"claimName": "lodestar"}} in pod["volumes"]
    other = spec.pod(spec.steps["ingest"], Run("r"), "lodestar", "lodestar-pipeline", "ingest")["spec"]
    assert other["nodeSelector"] == {} and "nvidia.com/gpu" not in json.dumps(other)


def test_replicas_of_a_distributed_trainer_get_the_accelerators_and_its_step_none() -> None:
    spec = CompiledSpec(compile_family("matrix-factorization", "gpu", overrides=["compute.workers=3"]).text)
    trainer = spec.steps["trainer"]
    job = json.loads(trainer.env["LODESTAR_TFJOB"])
    [container] = job["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert container["image"] == trainer.container["image"]
    assert "accelerator" not in trainer.container["resources"] and "nodeSelector" not in trainer.config
    assert not any("LODESTAR_TFJOB" in step.env for key, step in spec.steps.items() if key != "trainer")


def test_sweep_is_a_step_before_the_trainer_that_starts_trials_with_the_trainers_devices(swept: str) -> None:
    spec = CompiledSpec(swept)
    assert set(spec.steps) == {*STEPS, "tuner"}
    assert spec.steps["tuner"].after == {"transform"} and "tuner" in spec.steps["trainer"].after
    assert "tuner" in spec.steps["evaluator"].after
    tuner = spec.steps["tuner"]
    job = json.loads(tuner.env["LODESTAR_TRIAL_JOB"])
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert container["image"] == tuner.container["image"]
    assert "accelerator" not in tuner.container["resources"] and "nodeSelector" not in tuner.config
    assert json.loads(tuner.env["LODESTAR_TFJOB"])["kind"] == "TFJob"
    assert not any("LODESTAR_TRIAL_JOB" in step.env for key, step in spec.steps.items() if key != "tuner")
    assert tuner.outputs["sweep_report"]["artifactType"]["schemaTitle"] == "system.HTML"


def test_settings_of_the_tuner_do_no_harm_without_a_sweep(platform: Platform) -> None:
    changed = platform.model_copy(update={"steps": {"Tuner": PodSettings(memory="1Gi")}})
    assert CompiledSpec(compile_pipeline(pipeline_of(note("x", "One")), changed).text).steps


def test_mistake_in_a_sweep_is_told_before_tfx_is_loaded() -> None:
    code = """
import sys
from components.errors import InputError
from hparam.plan import SweepPlan
from pipelines.kubeflow.build import compile_family
try:
    compile_family("text-search", sweep=SweepPlan(metric="ndgc@10"))
except InputError as error:
    print(error, "tfx" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY)
    assert "Did you mean `ndcg@10`?" in done.stdout and done.stdout.rstrip().endswith("False")


def test_image_and_environment_may_differ_by_step(platform: Platform) -> None:
    own = PodSettings(image="other:1", env={"A": "b"})
    changed = platform.model_copy(update={"steps": {"One": own}})
    spec = CompiledSpec(
        compile_pipeline(pipeline_of(note("x", "One"), note("y", "Two")), changed, "mine:2").text
    )
    assert [spec.steps[key].container["image"] for key in ("one", "two")] == ["other:1", "mine:2"]
    assert spec.steps["one"].env["A"] == "b" and "A" not in spec.steps["two"].env


def test_vertex_gets_tfxs_own_job(tmp_path: Path) -> None:
    job = json.loads(
        compile_family("text-search", target="vertex", image="region-docker.pkg.dev/p/r/i:1").text
    )
    assert job["pipelineSpec"]["pipelineInfo"]["name"] == "text-search"
    assert "gcsOutputDirectory" not in job["runtimeConfig"]
    assert set(job["pipelineSpec"]["root"]["dag"]["tasks"]) == {
        "Ingest", "StatisticsGen", "Schema", "ExampleValidator", "Transform", "Trainer", "Evaluator", "Pusher"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pipeline_of(note("x", "A.b"), note("y", "A_b")), "would both be the step `a-b`"),
        (lambda: pipeline_of(note("x", "N" * 53)), "53 characters long"),
        (lambda: pipeline_of(note(RuntimeParameter("pipeline_root", str), "A")), "every pipeline has"),
        (lambda: pipeline_of(note(RuntimeParameter("it's", str), "A")), "cannot be a pipeline's parameter"),
        (
            lambda: pipeline_of(
                note(RuntimeParameter("t", str, "a"), "A"), note(RuntimeParameter("t", str, "b"), "B")
            ),
            "two types or two defaults",
        ),
        (
            lambda: pipeline_of(pipeline_of(note("x", "A"), name="inner"), name="outer"),
            "holds the pipeline `inner`",
        ),
        (lambda: pipeline_of(note(os.urandom(150_000).hex(), "A")), "would be started with an argument of"),
        (
            lambda: pipeline_of(*(note(os.urandom(20_000).hex(), f"N{n}") for n in range(20))),
            "a cluster stores at most",
        ),
    ],
)
def test_what_the_cluster_would_refuse_is_refused_here(platform: Platform, make: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        compile_pipeline(make(), platform)
    assert words in str(caught.value)


def test_setting_for_a_step_that_is_not_there_suggests_the_nearest(platform: Platform) -> None:
    changed = platform.model_copy(update={"steps": {"Trainr": PodSettings()}})
    with pytest.raises(InputError, match="Did you mean `Trainer`"):
        compile_pipeline(pipeline_of(note("x", "Trainer")), changed)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("times=three", "is `three`, not a number"),
        ("times=2.5", "not an integer"),
        ("rate=x", "not a number"),
    ],
)
def test_value_of_the_wrong_type_is_refused(toy: CompiledSpec, value: str, words: str) -> None:
    command = toy.command(toy.steps["count"], Run("r", {"word": "a"}))
    ir = tfx_ir.unpack(command[command.index("--ir") + 1])
    name, _, text = value.partition("=")
    with pytest.raises(InputError, match=words):
        bind(ir, "Count", "r", "/root", "", {name: text})


def test_large_integer_keeps_its_digits_and_doubles_may_look_like_integers(toy: CompiledSpec) -> None:
    command = toy.command(toy.steps["count"], Run("r", {"word": "a"}))
    ir = tfx_ir.unpack(command[command.index("--ir") + 1])
    node = bind(ir, "Count", "r", "/root", "", {"word": "5", "times": str(2**53 + 1), "rate": "2"})
    values = {key: value.field_value for key, value in node.parameters.parameters.items()}
    assert (values["times"].int_value, values["rate"].double_value) == (2**53 + 1, 2.0)
    assert values["word"].string_value == "5"
