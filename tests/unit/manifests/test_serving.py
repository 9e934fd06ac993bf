"""What holds for every Deployment: model servers of all families and the gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from components.family import family_names
from components.serving import flags
from pipelines.cli import parser
from tests.cluster.overlays import PLATFORMS, ROOT, build, rewritten
from tests.unit.manifests.network import connects
from tests.unit.manifests.test_network import GATEWAY, PROMETHEUS, SERVER

Object = dict[str, Any]
Objects = tuple[Object, ...]
WITH_SERVING = [name for name in PLATFORMS if name != "kind-cpu"]
COMPONENT, INSTANCE = "app.kubernetes.io/component", "app.kubernetes.io/instance"


@pytest.fixture(params=WITH_SERVING)
def overlay(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def of_kind(objects: Objects, kind: str) -> list[Object]:
    return [one for one in objects if one["kind"] == kind]


def deployments(objects: Objects, component: str = "") -> list[Object]:
    return [
        d for d in of_kind(objects, "Deployment") if component in ("", d["metadata"]["labels"][COMPONENT])
    ]


def pod(deployment: Object) -> Object:
    return deployment["spec"]["template"]["spec"]


def container(deployment: Object) -> Object:
    (found,) = pod(deployment)["containers"]
    return found


def selected(objects: Objects, kind: str, deployment: Object) -> list[Object]:
    """Return the objects of a kind whose selector finds the Deployment's pods."""
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    found = []
    for one in of_kind(objects, kind):
        selector = one["spec"]["selector"]
        if selector.get("matchLabels", selector).items() <= labels:
            found.append(one)
    return found


def test_every_family_has_servers_of_its_own(objects: Objects) -> None:
    names = {
        d["metadata"]["labels"][INSTANCE]: d["metadata"]["name"] for d in deployments(objects, "serving")
    }
    assert names == {one: f"lodestar-serving-{one}" for one in family_names()}


def test_servers_of_a_family_probe_load_and_are_found_as_that_family(objects: Objects) -> None:
    for deployment in deployments(objects, "serving"):
        family = deployment["metadata"]["labels"][INSTANCE]
        for probe in ("startupProbe", "readinessProbe"):
            path = container(deployment)[probe]["httpGet"]["path"]
            assert path == f"/v1/models/{family}/labels/stable/metadata"
        (config,) = (v for v in pod(deployment)["volumes"] if v["name"] == "config")
        models, monitoring = (source["configMap"] for source in config["projected"]["sources"])
        assert models["name"] == "lodestar-models"
        assert models["items"] == [{"key": f"{family}.config", "path": "models.config"}]
        assert monitoring["name"] in {one["metadata"]["name"] for one in of_kind(objects, "ConfigMap")}
        assert {s["metadata"]["name"] for s in selected(objects, "Service", deployment)} == {
            f"lodestar-{kind}-{family}" for kind in ("serving", "servers")
        }


def test_pods_of_two_deployments_are_never_mixed_up(objects: Objects) -> None:
    for deployment in deployments(objects):
        for kind in ("PodDisruptionBudget", "Deployment"):
            assert len(selected(objects, kind, deployment)) == 1
        spread = [c["labelSelector"]["matchLabels"] for c in pod(deployment)["topologySpreadConstraints"]]
        assert spread == [deployment["spec"]["selector"]["matchLabels"]] * 2


def test_config_that_deployments_write_is_not_overwritten_by_applying_again(objects: Objects) -> None:
    (models,) = (o for o in of_kind(objects, "ConfigMap") if o["metadata"]["name"] == "lodestar-models")
    assert not models.keys() & {"data", "binaryData", "immutable"}
    assert all("replicas" not in deployment["spec"] for deployment in deployments(objects))


def test_two_replicas_at_least_and_one_away_at_most(objects: Objects) -> None:
    scalers = {
        s["spec"]["scaleTargetRef"]["name"]: s["spec"] for s in of_kind(objects, "HorizontalPodAutoscaler")
    }
    assert scalers.keys() == {deployment["metadata"]["name"] for deployment in deployments(objects)}
    for deployment in deployments(objects):
        scaler = scalers[deployment["metadata"]["name"]]
        assert 2 <= scaler["minReplicas"] < scaler["maxReplicas"]
        (budget,) = selected(objects, "PodDisruptionBudget", deployment)
        assert budget["spec"]["maxUnavailable"] < scaler["minReplicas"]
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_a_pod_ends_only_after_its_requests(objects: Objects) -> None:
    for deployment in deployments(objects):
        name, seconds = container(deployment)["lifecycle"]["preStop"]["exec"]["command"]
        assert (name, int(seconds)) == ("sleep", 10)
        assert pod(deployment)["terminationGracePeriodSeconds"] >= 60


def test_a_model_that_is_away_does_not_end_a_process(objects: Objects) -> None:
    for deployment in deployments(objects, "serving"):
        assert container(deployment)["livenessProbe"]["tcpSocket"] == {"port": "grpc"}
    for deployment in deployments(objects, "gateway"):
        assert container(deployment)["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert container(deployment)["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_pods_can_do_little_when_a_model_turns_out_to_be_hostile(objects: Objects) -> None:
    for deployment in deployments(objects):
        assert pod(deployment)["automountServiceAccountToken"] is False
        for one in (*pod(deployment)["containers"], *pod(deployment).get("initContainers", [])):
            assert one["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert (
                one["resources"]["requests"].keys() == one["resources"]["limits"].keys() == {"cpu", "memory"}
            )


def test_servers_see_pushed_models_and_cannot_change_them(objects: Objects) -> None:
    for deployment in deployments(objects, "serving"):
        mounts = {mount["name"]: mount for mount in container(deployment)["volumeMounts"]}
        assert mounts["models"] == {
            "name": "models",
            "mountPath": "/lodestar/serving",
            "subPath": "serving",
            "readOnly": True,
        }
        assert mounts.keys() - {name for name, mount in mounts.items() if mount.get("readOnly")} == {"tmp"}


def test_gateway_writes_feedback_and_nothing_else(objects: Objects) -> None:
    (gateway,) = deployments(objects, "gateway")
    writable = [m["mountPath"] for m in container(gateway)["volumeMounts"] if not m.get("readOnly")]
    assert writable == ["/lodestar/feedback", "/tmp"]


def test_gateway_knows_the_servers_of_every_family(objects: Objects) -> None:
    (gateway,) = deployments(objects, "gateway")
    headless = {
        s["metadata"]["name"] for s in of_kind(objects, "Service") if s["spec"].get("clusterIP") == "None"
    }
    servers = {
        arg.removeprefix("--server=") for arg in container(gateway)["args"] if arg.startswith("--server=")
    }
    names = {one: f"lodestar-servers-{one}" for one in family_names()}
    assert set(names.values()) == headless
    assert servers == {f"{family}={name}:8500" for family, name in names.items()}


def test_our_server_takes_the_arguments_that_tensorflow_serving_gets(objects: Objects, overlay: str) -> None:
    for deployment in deployments(objects, "serving"):
        options = flags.parse(container(deployment)["args"])
        ports = {port["name"]: port["containerPort"] for port in container(deployment)["ports"]}
        assert ports == {"grpc": options.port, "rest": options.rest_api_port}
        assert options.host == "0.0.0.0"
        assert options.allow_version_labels_for_unavailable_models
        assert options.model_config_file_poll_wait_seconds == 0
        ours = overlay == "lab"
        assert container(deployment)["command"] == (
            ["python", "-u", "-W", "ignore", "-m", "components.serving"]
            if ours
            else ["/usr/bin/tensorflow_model_server"]
        )
        assert container(deployment)["image"].startswith(
            "lodestar/pipelines:" if ours else "tensorflow/serving:"
        )


def test_gateway_takes_its_arguments(overlay: str, tmp_path: Path) -> None:
    parts = ["gateway-api-keys", "gateway-postgresql"]
    built = tuple(yaml.safe_load_all(rewritten(overlay, "team", tmp_path, components=parts)))
    (plain,) = deployments(tuple(yaml.safe_load_all(build(ROOT / "manifests/overlays" / overlay))), "gateway")
    (guarded,) = deployments(built, "gateway")
    options = [parser().parse_args(container(one)["args"]) for one in (plain, guarded)]
    assert [one.api_keys for one in options] == [None, Path("/etc/lodestar/keys/api-keys")]
    assert [one.database for one in options] == ["sqlite:////tmp/catalogue.sqlite", "$(LODESTAR_DATABASE)"]
    assert {one.port for one in options} == {p["containerPort"] for p in container(plain)["ports"]}
    mounts = {mount["mountPath"] for mount in container(guarded)["volumeMounts"]}
    assert str(options[1].api_keys.parent) in mounts
    assert str(options[0].deployments.parent) in mounts
    secrets = [e["valueFrom"]["secretKeyRef"]["name"] for e in container(guarded)["env"] if "valueFrom" in e]
    assert secrets == ["lodestar-gateway-database"]


def test_lab_and_production_differ_in_image_command_and_size_only() -> None:
    def without(deployment: Object) -> Object:
        (server,) = pod(deployment)["containers"]
        for key in ("image", "command", "resources"):
            server.pop(key, None)
        deployment["metadata"].pop("namespace")
        return deployment

    lab, production = (
        [
            without(d)
            for d in deployments(tuple(yaml.safe_load_all(build(ROOT / "manifests/overlays" / name))))
        ]
        for name in ("lab", "gpu")
    )
    assert lab == production


def test_monitoring_can_be_added_to_any_overlay(overlay: str, tmp_path: Path) -> None:
    built = tuple(yaml.safe_load_all(rewritten(overlay, "team", tmp_path, components=["monitoring"])))
    added = [one for one in built if one["apiVersion"].startswith("monitoring.coreos.com/")]
    assert sorted(one["kind"] for one in added) == ["PrometheusRule", "ServiceMonitor", "ServiceMonitor"]
    assert {one["metadata"]["namespace"] for one in added} == {"team"}
    for monitor in of_kind(built, "ServiceMonitor"):
        (endpoint,) = monitor["spec"]["endpoints"]
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        services = [s for s in of_kind(built, "Service") if wanted <= s["metadata"]["labels"].items()]
        watched = [s for s in services if endpoint["port"] in {port["name"] for port in s["spec"]["ports"]}]
        assert len(watched) == len(deployments(built, monitor["spec"]["selector"]["matchLabels"][COMPONENT]))
    policies = of_kind(built, "NetworkPolicy")
    assert connects(policies, PROMETHEUS, SERVER, 8501)
    assert not connects(policies, PROMETHEUS, SERVER, 8500)
    assert connects(policies, PROMETHEUS, GATEWAY, 8080)
