import json

import pytest

from components.errors import InputError
from hparam.request import TrialRequest
from hparam.spec import Inputs

REQUEST = TrialRequest(
    sweep="try",
    trial=3,
    attempt=1,
    family="text-search",
    metric="ndcg@10",
    higher_is_better=True,
    params={"train.k1": 0.7, "train.fuse": ["bm25", "lsa"]},
    settings={"train": {"k1": 0.7}},
    inputs=Inputs(examples="/data/examples", transform_graph="s3://bucket/graph"),
)


def test_a_run_reads_what_the_controller_wrote(tmp_path):
    path = REQUEST.write(tmp_path / "trials" / "0003-1")
    assert TrialRequest.read(path) == REQUEST
    assert [found.name for found in path.parent.iterdir()] == ["request.json"]


def test_the_same_request_is_the_same_bytes(tmp_path):
    other = REQUEST.model_copy(update={"params": dict(reversed(REQUEST.params.items()))})
    first, second = REQUEST.write(tmp_path / "a"), other.write(tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("text", [None, "", "{", json.dumps({"sweep": "try"})])
def test_a_request_that_cannot_be_read_names_its_path_and_the_volume(tmp_path, text):
    path = tmp_path / "request.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=r"(?s)request\.json: Cannot read.*volume of their sweep"):
        TrialRequest.read(path)
