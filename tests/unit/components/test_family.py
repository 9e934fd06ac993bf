import pytest

from components.errors import InputError
from components.family import ComputeSettings, find_family

ONE_PROCESS, ANY = find_family("text-search"), find_family("matrix-factorization")
ASKED = [
    {"workers": 2},
    {"parameter_servers": 1},
    {"workers": 3, "parameter_servers": 2},
    {"xla": True},
    {"mixed_precision": True},
]


@pytest.mark.parametrize("compute", ASKED)
def test_a_family_of_one_process_refuses_what_it_would_ignore(compute):
    with pytest.raises(InputError, match="text-search trains in one plain process, not with") as refused:
        ONE_PROCESS.check(ComputeSettings(**compute))
    for name, value in compute.items():
        assert f"compute.{name}={value}" in refused.value.problem


@pytest.mark.parametrize("compute", ASKED)
def test_a_family_that_can_be_distributed_takes_it(compute):
    ANY.check(ComputeSettings(**compute))


@pytest.mark.parametrize("compute", [{}, {"step_timeout_seconds": 5.0}, {"checkpoint_epochs": 1}])
def test_settings_that_say_nothing_about_how_are_for_all(compute):
    ONE_PROCESS.check(ComputeSettings(**compute))


@pytest.mark.parametrize(
    ("compute", "distributed"), [({}, False), ({"workers": 2}, True), ({"parameter_servers": 1}, True)]
)
def test_more_than_one_process_is_distributed(compute, distributed):
    assert ComputeSettings(**compute).distributed is distributed
