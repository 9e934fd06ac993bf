from __future__ import annotations

import pytest

from components import artifact
from components.deployment.state import Canary, Deployment
from components.deployment.store import FolderStore
from components.evaluator import _rival


@pytest.fixture
def root(tmp_path):
    """A family with three versions; each was compared with the one before."""
    source = tmp_path / "model"
    source.mkdir()
    (source / "saved_model.pb").write_bytes(b"graph")
    for number in (1, 2, 3):
        about = {"model_uri": f"model-{number}", "compared_with": number - 1}
        artifact.publish(source, tmp_path / "serving" / "a", about)
    return tmp_path / "serving"


def test_candidate_is_compared_with_the_newest_version(root):
    assert _rival(root / "a", "new") == 3


def test_candidate_is_compared_with_the_stable_version_where_one_is_deployed(root):
    FolderStore(root).swap("a", None, Deployment(2, Canary(3, 10)))
    assert _rival(root / "a", "new") == 2


def test_pushed_candidate_that_is_not_stable_yet_keeps_its_rival(root):
    FolderStore(root).swap("a", None, Deployment(2))
    assert _rival(root / "a", "model-3") == 2


def test_candidate_that_is_live_is_compared_with_what_it_was_compared_with(root):
    assert _rival(root / "a", "model-3") == 2
    FolderStore(root).swap("a", None, Deployment(2))
    assert _rival(root / "a", "model-2") == 1


def test_deployed_version_that_is_gone_does_not_count(root):
    FolderStore(root).swap("a", None, Deployment(9))
    assert _rival(root / "a", "new") == 3


def test_other_families_deployments_do_not_count(root):
    FolderStore(root).swap("b", None, Deployment(1))
    assert _rival(root / "a", "new") == 3
    assert _rival(root / "c", "new") == 0
