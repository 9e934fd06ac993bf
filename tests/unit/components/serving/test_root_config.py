from __future__ import annotations

import json

import pytest

from components.errors import InputError
from components.serving.config import Config, ModelConfig
from components.serving.errors import Code, ServingError
from components.serving.policy import Policy
from components.serving.root_config import NEWEST_GOOD, RootSource
from components.serving.source import Target


def folders(root, *names):
    for name in names:
        (root / name).mkdir(parents=True)


def specific(*versions):
    return Policy("specific", versions=frozenset(versions))


def write(root, **entries):
    (root / "deployments.json").write_text(json.dumps(entries))
    return root / "deployments.json"


def test_every_folder_with_a_numeric_child_is_a_model(tmp_path):
    folders(tmp_path, "a/1", "a/12", "b/3", "empty", "words/latest", "words/v1", ".hidden/1")
    (tmp_path / "linked").symlink_to(tmp_path / "a")
    (tmp_path / "deployments.json").write_text("{}")
    assert RootSource(tmp_path, None).scan() == {
        "a": Target(NEWEST_GOOD, {1: tmp_path / "a" / "1", 12: tmp_path / "a" / "12"}),
        "b": Target(NEWEST_GOOD, {3: tmp_path / "b" / "3"}),
    }


def test_root_that_cannot_be_read_hides_everything_and_one_that_appears_is_served(tmp_path):
    source = RootSource(tmp_path / "root", None)
    with pytest.raises(ServingError) as caught:
        source.scan()
    assert "root" in caught.value.message
    folders(tmp_path, "root/a/1")
    assert source.scan().keys() == {"a"}


def test_pinned_family_gets_its_versions_and_labels_and_the_others_follow_the_newest(tmp_path):
    folders(tmp_path, "a/3", "a/4", "a/5", "a/6", "b/1")
    canary = {"version": 5, "percent": 10}
    path = write(
        tmp_path, a={"stable": 4, "canary": canary, "previous": 3, "revision": 7, "state": "UpToDate"}
    )
    source = RootSource(tmp_path, path)
    targets = source.scan()
    assert (targets["a"].policy, targets["b"].policy) == (specific(3, 4, 5), NEWEST_GOOD)
    assert [dict(model.labels) for model in source.models()] == [{"stable": 4, "canary": 5}]


def test_pinned_family_without_a_folder_has_no_versions(tmp_path):
    source = RootSource(tmp_path, write(tmp_path, a={"stable": 4, "canary": None, "previous": None}))
    assert source.scan() == {"a": Target(specific(4), {})}


@pytest.mark.parametrize("text", ["{", "[]", '{"a": {}}', '{"a": {"stable": "x"}}', '{"a": 4}'])
def test_file_of_deployments_that_cannot_be_understood_is_named(tmp_path, text):
    path = tmp_path / "deployments.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        RootSource(tmp_path, path)
    assert caught.value.source == str(path)


def test_request_overrides_the_file_for_the_models_it_lists(tmp_path):
    folders(tmp_path, "a/1", "b/1", "c/1")
    path = write(tmp_path, a={"stable": 1}, b={"stable": 1})
    source = RootSource(tmp_path, path)
    prepared = source.prepare(Config((ModelConfig("b", tmp_path / "b", Policy("all")),)))
    assert source.scan()["b"].policy == specific(1)
    source.use(prepared)
    policies = {name: target.policy for name, target in source.scan().items()}
    assert policies == {"a": specific(1), "b": Policy("all"), "c": NEWEST_GOOD}


def test_request_reads_the_file_again_for_the_others(tmp_path):
    folders(tmp_path, "a/1", "a/2")
    path = write(tmp_path, a={"stable": 1})
    source = RootSource(tmp_path, path)
    write(tmp_path, a={"stable": 2})
    source.use(source.prepare(Config(())))
    assert source.scan()["a"].policy == specific(2)
    path.write_text("no JSON")
    with pytest.raises(ServingError) as caught:
        source.prepare(Config(()))
    assert caught.value.code is Code.FAILED_PRECONDITION


@pytest.mark.parametrize("place", ["..", "../other", "a/../../other", "."])
def test_base_path_outside_the_root_is_refused(tmp_path, place):
    folders(tmp_path, "root/a/1", "other/1")
    source = RootSource(tmp_path / "root", None)
    with pytest.raises(ServingError) as caught:
        source.prepare(Config((ModelConfig("a", tmp_path / "root" / place),)))
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert "to have a base path below" in caught.value.message


def test_base_path_that_leaves_the_root_by_a_link_is_refused(tmp_path):
    folders(tmp_path, "root", "other/1")
    (tmp_path / "root" / "a").symlink_to(tmp_path / "other")
    with pytest.raises(ServingError):
        RootSource(tmp_path / "root", None).prepare(Config((ModelConfig("a", tmp_path / "root" / "a"),)))


def test_latest_by_request_falls_back_like_the_rest_of_the_root(tmp_path):
    folders(tmp_path, "a/1")
    source = RootSource(tmp_path, None)
    source.use(source.prepare(Config((ModelConfig("a", tmp_path / "a"),))))
    assert source.scan()["a"].policy == NEWEST_GOOD
