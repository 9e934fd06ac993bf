import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.distributed.request import Request
from components.errors import InputError, LodestarError, NonFiniteError
from components.family import ComputeSettings

PLAIN = st.none() | st.integers() | st.text() | st.lists(st.text())


@given(workers=st.integers(1, 1000), arguments=st.dictionaries(st.text(), PLAIN))
def test_a_replica_reads_what_the_step_wrote(tmp_path_factory, workers, arguments):
    folder = tmp_path_factory.mktemp("request")
    request = Request(str(folder), ComputeSettings(workers=workers), "a.family.run_fn", arguments)
    request.write()
    assert Request.read(request.path) == request


@pytest.mark.parametrize("text", [None, "", "{}", '{"compute": {"workers": 0}}', '{"compute": {}}'])
def test_a_request_that_cannot_be_read_names_the_volume(tmp_path, text):
    path = tmp_path / "request.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=r"(?s)Cannot read the request.*volume of the Trainer step"):
        Request.read(str(path))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("The split is empty.", cure="Change it.", source="data"), 2),
        (LodestarError("Diverged.", cure="Lower it."), 1),
        (NonFiniteError("The loss is nan.", cure="Lower it."), 1),
    ],
)
def test_the_reason_of_a_replica_reaches_the_step_as_it_was(tmp_path, error, code):
    request = Request(str(tmp_path), ComputeSettings(), "run_fn", {})
    request.write_failure("worker-3", error, code)
    told = request.read_failure("worker-3")
    assert (type(told), str(told)) == (type(error), str(error))


def test_an_unforeseen_error_is_told_by_its_type(tmp_path):
    request = Request(str(tmp_path), ComputeSettings(), "run_fn", {})
    request.write_failure("chief-0", KeyError("user_id"), 1)
    assert "KeyError: 'user_id'" in str(request.read_failure("chief-0"))
    assert request.read_failure("worker-0") is None


def test_signs_of_life_are_on_the_shared_folder_but_not_in_an_object_store(tmp_path):
    assert Request(str(tmp_path), ComputeSettings(), "", {}).signs == tmp_path / "signs"
    assert "://" not in str(Request("gs://bucket/run", ComputeSettings(), "", {}).signs)
