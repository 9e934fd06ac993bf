from __future__ import annotations

import pytest

from components.deployment.fleet import FixedFleet
from components.deployment.health import examine
from components.deployment.history import Change
from components.deployment.state import Canary, Condition, Deployment, begun, blocked
from tests.unit.components.deployment.servers import AVAILABLE, END, LOADING, Double, listening


@pytest.fixture
def double():
    return Double(on_volume=(4, 5), available=(4,))


@pytest.fixture
def fleet(double):
    with listening(double) as address, FixedFleet([address]) as fleet:
        yield fleet


def judged(deployment, fleet, pushed=(4, 5), changes=()):
    health = examine("a", deployment, fleet, changes, pushed)
    return health.condition, health.reason, health.exit_code


def test_server_with_the_labels_is_up_to_date(fleet, double):
    double.labels = {"stable": 4}
    assert judged(Deployment(4), fleet) == (Condition.UP_TO_DATE, "", 0)


def test_server_without_the_label_is_behind(fleet, double):
    double.states[5], double.labels = (AVAILABLE, ""), {"stable": 4}
    condition, reason, code = judged(Deployment(4, Canary(5, 10)), fleet)
    assert (condition, code) == (Condition.IN_PROGRESS, 3)
    assert reason.startswith("`canary` is not version 5 yet on ")


def test_version_that_failed_after_a_restart_is_blocked(fleet, double):
    double.states[4] = (END, "no memory")
    condition, reason, code = judged(Deployment(4), fleet)
    assert (condition, code) == (Condition.BLOCKED, 1)
    assert reason.startswith("Version 4 does not load on ") and reason.endswith(": no memory.")


def test_deployed_version_that_was_removed_is_invalid(fleet):
    condition, reason, code = judged(Deployment(4), fleet, pushed=(5,))
    assert (condition, code) == (Condition.INVALID, 2)
    assert "Version 4" in reason


def test_what_is_kept_says_why_it_is_no_further(fleet):
    assert judged(blocked(Deployment(4), "no"), fleet) == (Condition.BLOCKED, "no", 1)
    assert judged(begun(Deployment(4), 5), fleet)[0] is Condition.IN_PROGRESS


def test_without_a_server_what_is_kept_counts():
    assert judged(Deployment(4), None) == (Condition.UP_TO_DATE, "", 0)


def test_server_that_is_gone_is_behind(double):
    with listening(double) as address:
        fleet = FixedFleet([address])
    with fleet:
        condition, reason, _ = judged(Deployment(4), fleet)
    assert (condition, "does not answer" in reason) == (Condition.IN_PROGRESS, True)


@pytest.mark.parametrize(
    ("state", "message", "condition"),
    [
        (AVAILABLE, "", Condition.UP_TO_DATE),
        (LOADING, "", Condition.IN_PROGRESS),
        (END, "corrupt", Condition.BLOCKED),
    ],
)
def test_family_that_follows_the_newest_is_judged_by_it(fleet, double, state, message, condition):
    double.states[5] = (state, message)
    assert judged(None, fleet)[0] is condition


def test_newest_version_that_no_server_has_seen_yet_is_on_its_way(fleet):
    condition, reason, _ = judged(None, fleet)
    assert (condition, "has yet to load version 5" in reason) == (Condition.IN_PROGRESS, True)


def test_first_deployment_that_failed_is_remembered(fleet, double):
    double.states[5] = (AVAILABLE, "")
    failed = Change("a", "failed", 4, 5, reason="it does not load")
    assert judged(None, fleet, changes=[failed]) == (Condition.BLOCKED, "it does not load", 1)
    assert judged(None, fleet, changes=[Change("b", "failed", 4, 5)])[0] is Condition.UP_TO_DATE
