#!/usr/bin/env bash
# Make a kind cluster that runs Lodestar: registry, training operator, Kubeflow Pipelines, image, platform.
# Needs docker, kind and kubectl. A second call mends what is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

CLUSTER=lodestar
REGISTRY=kind-registry
REGISTRY_IMAGE=registry:2.8.3
REGISTRY_PORT=5001
TRAINING_OPERATOR=v1.9.4
PIPELINES=2.17.2
IMAGE=lodestar/pipelines:dev
VOLUME=.lodestar/kind

say() { printf '== %s\n' "$*"; }
stop() {
  printf 'error: %s\n  %s\n' "$1" "$2" >&2
  exit 2
}
kubectl() { command kubectl --context "kind-$CLUSTER" "$@"; }

need_tools() {
  local tool
  for tool in docker kind kubectl; do
    command -v "$tool" >/dev/null || stop "$tool is not installed." "Install it: https://kind.sigs.k8s.io/docs/user/quick-start"
  done
  docker info >/dev/null 2>&1 || stop "Docker does not answer." "Start Docker, then run \`make kind-up\` again."
}

registry() {
  say "registry localhost:$REGISTRY_PORT"
  docker start "$REGISTRY" >/dev/null 2>&1 ||
    docker run --detach --restart=always --publish "127.0.0.1:$REGISTRY_PORT:5000" --network bridge \
      --name "$REGISTRY" "$REGISTRY_IMAGE" >/dev/null
}

cluster() {
  say "cluster kind-$CLUSTER"
  # Steps write as user 1000, and a folder of the host keeps the host's owners.
  mkdir -p "$VOLUME" && chmod 0777 "$VOLUME"
  kind get clusters 2>/dev/null | grep -qx "$CLUSTER" || kind create cluster --config manifests/kind/cluster.yaml --wait 180s
  docker network connect kind "$REGISTRY" 2>/dev/null || true # fails when it is connected already
}

# `lodestar/pipelines:dev` is docker.io's by its full name: nodes look into the local registry first, so that the name
# is the same on every cluster. `localhost:5001/...` is what skaffold pushes.
mirror() {
  local node host
  for node in $(kind get nodes --name "$CLUSTER"); do
    for host in docker.io "localhost:$REGISTRY_PORT"; do
      docker exec "$node" mkdir -p "/etc/containerd/certs.d/$host"
      printf '[host."http://%s:5000"]\n  capabilities = ["pull", "resolve"]\n' "$REGISTRY" |
        docker exec --interactive "$node" cp /dev/stdin "/etc/containerd/certs.d/$host/hosts.toml"
    done
  done
  kubectl apply --server-side -f manifests/kind/registry.yaml >/dev/null
}

pretend_accelerators() {
  local node
  node=$(kubectl get nodes -l cloud.google.com/gke-accelerator -o name)
  kubectl patch "$node" --subresource=status --type=merge \
    --patch '{"status": {"capacity": {"nvidia.com/gpu": "1", "google.com/tpu": "4"}}}' >/dev/null
}

training_operator() {
  say "training operator $TRAINING_OPERATOR"
  kubectl apply --server-side -k "https://github.com/kubeflow/trainer.git/manifests/overlays/standalone?ref=$TRAINING_OPERATOR" >/dev/null
}

pipelines() {
  say "Kubeflow Pipelines $PIPELINES"
  local source=https://github.com/kubeflow/pipelines.git/manifests/kustomize
  kubectl apply --server-side -k "$source/cluster-scoped-resources?ref=$PIPELINES" >/dev/null
  kubectl wait --for=condition=established --timeout=60s crd/applications.app.k8s.io >/dev/null
  kubectl apply --server-side -k "$source/env/platform-agnostic?ref=$PIPELINES" >/dev/null
}

image() {
  say "image $IMAGE"
  docker build --tag "$IMAGE" --tag "localhost:$REGISTRY_PORT/$IMAGE" .
  docker push --quiet "localhost:$REGISTRY_PORT/$IMAGE"
}

platform() {
  say "platform"
  kubectl apply --server-side -k manifests/overlays/kind-cpu
}

ready() {
  say "waiting for Kubeflow (its images are 4 GB)"
  kubectl -n kubeflow wait --for=condition=Available --timeout=900s deployment \
    training-operator ml-pipeline ml-pipeline-ui metadata-grpc-deployment workflow-controller
  bash .ci/setup
  .venv/bin/python -m pipelines doctor --cluster
}

need_tools
registry
cluster
mirror
pretend_accelerators
training_operator
pipelines
image
platform
ready
say "next: .venv/bin/lodestar submit matrix_factorization --watch"
