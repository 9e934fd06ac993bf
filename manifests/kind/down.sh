#!/usr/bin/env bash
# Remove the kind cluster and its registry; the volume's folder, .lodestar/kind, stays.
set -euo pipefail

kind delete cluster --name lodestar
docker rm --force kind-registry >/dev/null 2>&1 || true # there may be none
