from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.serving.policy import Policy, plan

NUMBERS = st.frozensets(st.integers(1, 8))
POLICIES = st.one_of(
    st.builds(Policy, st.just("latest"), st.integers(0, 3), falls_back=st.booleans()),
    st.just(Policy("all")),
    st.builds(Policy, st.just("specific"), versions=NUMBERS),
)


def specific(*versions):
    return Policy("specific", versions=frozenset(versions))


@pytest.mark.parametrize(
    ("policy", "chosen"),
    [
        (Policy(), [7]),
        (Policy(num_versions=0), [7]),
        (Policy(num_versions=2), [7, 4]),
        (Policy(num_versions=9), [7, 4, 1]),
        (Policy("all"), [7, 4, 1]),
        (specific(1, 4, 5), [4, 1]),
        (specific(), []),
    ],
)
def test_policy_chooses_highest_first(policy, chosen):
    assert policy.choose([4, 1, 7]) == chosen


def test_listed_versions_that_are_not_there_are_named():
    assert specific(5, 1, 9).missing([1]) == [5, 9]
    assert Policy().missing([]) == []


def test_newest_that_failed_gives_way_to_the_next_lower_where_it_falls_back():
    done = plan(Policy(falls_back=True), [1, 2, 3], available=[1], loading=[], failed=[3])
    assert (done.load, done.unload) == ((2,), ())


def test_lower_version_is_not_loaded_while_the_newest_loads():
    done = plan(Policy(falls_back=True), [1, 2], available=[], loading=[2], failed=[])
    assert done.load == ()


@given(POLICIES, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_plan_never_takes_the_last_version_that_serves_while_one_is_wanted(
    policy, found, available, loading, failed
):
    failed, loading = failed - available, loading - available - failed
    done = plan(policy, found, available=available, loading=loading, failed=failed)
    left = available - set(done.unload)
    assert left or not available or not policy.choose(found)
    assert not set(done.load) & (available | loading | failed)
    assert not set(done.unload) & set(done.aspired)
    assert set(done.load) <= found


@given(POLICIES, NUMBERS, NUMBERS, NUMBERS)
def test_following_the_plan_ends_with_the_wanted_versions_and_no_other(policy, found, available, broken):
    available, failed = set(available), set()
    for _ in range(30):
        done = plan(policy, found, available=available, loading=[], failed=failed)
        if not done.load and not done.unload:
            break
        available -= set(done.unload)
        for version in done.load:
            (failed if version in broken else available).add(version)
    wanted = policy.choose(found - failed if policy.falls_back else found)
    good = {version for version in wanted if version not in failed}
    assert good <= available
    if good:
        assert available == good


@given(POLICIES, NUMBERS)
def test_falling_back_changes_nothing_while_nothing_fails(policy, found):
    states = {"available": [], "loading": [], "failed": []}
    assert plan(policy, found, **states) == plan(replace(policy, falls_back=False), found, **states)
