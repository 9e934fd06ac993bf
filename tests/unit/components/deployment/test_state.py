from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from components.deployment.state import (
    Canary,
    Condition,
    Deployment,
    begun,
    blocked,
    canaried,
    deployed,
    invalid,
    promoted,
    rolled_back,
)
from components.errors import InputError

VERSIONS = st.integers(1, 6)


class Transitions(RuleBasedStateMachine):
    """Whatever is done in whatever order, a deployment stays one that servers can have."""

    def __init__(self) -> None:
        super().__init__()
        self.now: Deployment | None = None

    @rule(version=VERSIONS)
    def deploy(self, version):
        before = self.now
        self.now = deployed(before, version)
        assert (self.now.stable, self.now.canary) == (version, None)
        if before and before.stable != version:
            assert self.now.previous == before.stable

    @rule(version=VERSIONS, percent=st.integers(-1, 101))
    def canary(self, version, percent):
        before = self.now
        try:
            self.now = canaried(before, version, percent)
        except InputError:
            assert before is None or before.stable == version or percent not in range(101)
        else:
            assert self.now.canary == Canary(version, percent)
            assert (self.now.stable, self.now.previous) == (before.stable, before.previous)

    @rule()
    def promote(self):
        before = self.now
        try:
            self.now = promoted(before)
        except InputError:
            assert before is None or before.canary is None
        else:
            assert (self.now.stable, self.now.previous) == (before.canary.version, before.stable)
            assert self.now.canary is None

    @rule(to=st.none() | VERSIONS)
    def rollback(self, to):
        before = self.now
        try:
            self.now = rolled_back(before, to)
        except InputError:
            assert before is None or before.previous is None
        else:
            assert to is None or self.now.stable == to
            # The version that was left is not kept loaded.
            assert self.now.stable == before.stable or before.stable not in self.now.versions

    @precondition(lambda self: self.now is not None)
    @rule(version=VERSIONS)
    def begin(self, version):
        before = self.now
        self.now = begun(before, version)
        assert (self.now.state, self.now.versions) == (Condition.IN_PROGRESS, before.versions)

    @precondition(lambda self: self.now is not None)
    @rule(how=st.sampled_from([blocked, invalid]))
    def fail(self, how):
        before = self.now
        self.now = how(before, "why")
        assert (self.now.reason, self.now.loading) == ("why", None)
        assert (self.now.versions, self.now.labels) == (before.versions, before.labels)

    @invariant()
    def labels_point_at_loaded_versions_of_different_roles(self):
        if self.now is not None:
            assert set(self.now.labels.values()) <= set(self.now.versions)
            assert self.now.stable not in (self.now.previous, self.now.canary and self.now.canary.version)

    @invariant()
    def survives_the_file(self):
        if self.now is not None:
            assert Deployment.from_json(self.now.as_json()) == self.now


Transitions.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
TestTransitions = Transitions.TestCase


def test_promote_then_rollback_is_where_it_was():
    before = Deployment(4)
    assert rolled_back(promoted(canaried(before, 5, 10))) == before


def test_rollback_gives_up_a_change_that_is_on_its_way_before_anything_else():
    before = Deployment(4, Canary(5, 10), 3)
    assert rolled_back(begun(before, 6)) == before


def test_rollback_ends_the_canary_before_it_touches_the_stable_version():
    assert rolled_back(Deployment(4, Canary(5, 10), 3)) == Deployment(4, None, 3)


def test_deploying_the_stable_version_again_keeps_the_previous_one():
    assert deployed(Deployment(4, None, 3), 4) == Deployment(4, None, 3)


def test_deploying_the_version_before_swaps_the_two():
    assert deployed(Deployment(4, None, 3), 3) == Deployment(3, None, 4)


def test_canary_in_the_place_of_the_previous_version_is_loaded_once():
    assert canaried(Deployment(4, None, 3), 3, 10).versions == (3, 4)


@pytest.mark.parametrize(
    "value",
    [
        {"stable": 0, "revision": 1},
        {"stable": True, "revision": 1},
        {"stable": "4", "revision": 1},
        {"revision": 1},
        {"stable": 4, "revision": 1, "canary": 5},
        {"stable": 4, "revision": 1, "canary": {"version": 5, "percent": 101}},
        {"stable": 4, "revision": -1},
        {"stable": 4, "revision": 1, "previous": "3"},
        {"stable": 4, "revision": 1, "state": "Fine"},
    ],
)
def test_what_is_no_deployment_is_refused(value):
    with pytest.raises(ValueError):
        Deployment.from_json(value)
