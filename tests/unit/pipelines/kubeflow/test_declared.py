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


def write(folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(MANIFEST, encoding="utf-8")
    (folder / "kustomization.yaml").write_text(f"resources: [{name}]", encoding="utf-8")


def test_rights_of_a_role_are_every_pair_that_it_gives(tmp_path: Path) -> None:
    write(tmp_path, "rbac.yaml")
    assert set(rights(tmp_path, "robot")) == {
        Right("get", "", "pods"),
        Right("get", "", "pods", "log"),
        Right("create", "kubeflow.org", "tfjobs"),
        Right("delete", "kubeflow.org", "tfjobs"),
        Right("patch", "", "configmaps", name="live"),
    }


def test_accounts_are_those_of_the_folders_that_are_named(tmp_path: Path) -> None:
    write(tmp_path / "named", "rbac.yaml")
    write(tmp_path / "other", "rbac.yaml")
    (tmp_path / "kustomization.yaml").write_text("resources: [named]", encoding="utf-8")
    assert accounts(tmp_path) == ["robot"]


def test_right_reads_like_kubectl() -> None:
    assert str(Right("get", "", "pods", "log")) == "get pods/log"
    assert str(Right("create", "kubeflow.org", "tfjobs")) == "create tfjobs.kubeflow.org"
    assert str(Right("patch", "", "configmaps", name="live")) == "patch configmaps live"
