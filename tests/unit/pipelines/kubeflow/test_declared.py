from __future__ import annotations

from pathlib import Path

from pipelines.kubeflow.declared import Right, accounts, rights

MANIFEST = """\
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: robot}
rules:
  - {apiGroups: [""], resources: [pods, pods/log], verbs: [get]}
  - {apiGroups: [kubeflow.org], resources: [tfjobs], verbs: [create, delete]}
  - {apiGroups: [""], resources: [configmaps], resourceNames: [live], verbs: [patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: other}
rules:
  - {apiGroups: [""], resources: [secrets], verbs: [list]}
"""


def test_rights_of_a_role_are_every_pair_that_it_gives(tmp_path: Path) -> None:
    (tmp_path / "rbac.yaml").write_text(MANIFEST, encoding="utf-8")
    assert set(rights(tmp_path, "robot")) == {
        Right("get", "", "pods"),
        Right("get", "", "pods", "log"),
        Right("create", "kubeflow.org", "tfjobs"),
        Right("delete", "kubeflow.org", "tfjobs"),
        Right("patch", "", "configmaps", name="live"),
    }


def test_accounts_are_found_in_folders_below(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "rbac.yaml").write_text(MANIFEST, encoding="utf-8")
    (tmp_path / "kustomization.yaml").write_text("resources: [a]", encoding="utf-8")
    assert accounts(tmp_path) == ["robot"]


def test_right_reads_like_kubectl() -> None:
    assert str(Right("get", "", "pods", "log")) == "get pods/log"
    assert str(Right("create", "kubeflow.org", "tfjobs")) == "create tfjobs.kubeflow.org"
    assert str(Right("patch", "", "configmaps", name="live")) == "patch configmaps live"
