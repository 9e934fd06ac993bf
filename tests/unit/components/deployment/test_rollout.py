from __future__ import annotations

import threading
from functools import partial

import pytest

from components.deployment.fleet import FixedFleet
from components.deployment.loading import LoadFailed, NoSuchVersion, Pace
from components.deployment.rollout import Rollout
from components.deployment.state import (
    Canary,
    Condition,
    Deployment,
    canaried,
    deployed,
    promoted,
    rolled_back,
)
from components.deployment.store import FolderStore, Superseded
from components.errors import InputError, LodestarError
from tests.unit.components.deployment.servers import AVAILABLE, END, LOADING, Double, listening

QUICK = Pace(timeout=10, poll=0.01, absent=0.3, stale=0.1, silent=0.3, again=0.05, starting=0.2)


@pytest.fixture
def double():
    return Double(on_volume=(3, 4, 5), available=(4,))


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path)


@pytest.fixture
def fleet(double):
    with listening(double) as address, FixedFleet([address]) as fleet:
        yield fleet


@pytest.fixture
def rollout(store, fleet):
    return Rollout("a", store, fleet, pace=QUICK)


def pins(deployment):
    return deployment.stable, deployment.canary, deployment.previous, deployment.state


def test_first_deployment_adopts_what_serves_as_the_previous_version(rollout, store, double):
    done = rollout.run("deploy", partial(deployed, version=5))
    assert pins(done) == (5, None, 4, Condition.UP_TO_DATE)
    assert store.read() == {"a": done}
    assert (double.labels, double.available()) == ({"stable": 5}, [4, 5])
    [entry] = store.history()
    assert (entry.action, entry.before, entry.after, entry.reason) == ("deploy", 4, 5, "")
    assert "@" in entry.by


def test_label_moves_only_once_the_version_is_loaded(rollout, double):
    rollout.run("deploy", partial(deployed, version=5))
    versions = [versions for versions, _ in double.reloads]
    labels = [labels for _, labels in double.reloads]
    assert versions[0] == (4, 5) and labels[0] == {"stable": 4}
    assert {"stable": 5} in labels[1:]


def test_canary_promote_and_rollback_move_labels_and_drop_what_was_left(rollout, double):
    rollout.run("canary", partial(canaried, version=5, percent=10))
    assert (double.labels, double.available()) == ({"stable": 4, "canary": 5}, [4, 5])
    rollout.run("promote", promoted)
    assert (double.labels, double.available()) == ({"stable": 5}, [4, 5])
    done = rollout.run("rollback", rolled_back)
    assert (double.labels, double.available()) == ({"stable": 4}, [4])
    assert pins(done) == (4, None, None, Condition.UP_TO_DATE)


def test_version_that_does_not_load_changes_nothing_but_the_state(rollout, store, double):
    rollout.run("deploy", partial(deployed, version=4))
    double.broken[5] = "variables.index is empty"
    with pytest.raises(LoadFailed, match=r"Version 5 does not load .*: variables.index is empty") as caught:
        rollout.run("canary", partial(canaried, version=5, percent=10))
    assert "Version 4 serves as before." in caught.value.cure
    kept = store.read()["a"]
    assert pins(kept) == (4, None, None, Condition.BLOCKED)
    assert "variables.index is empty" in kept.reason
    assert (double.labels, double.available()) == ({"stable": 4}, [4])
    assert double.reloads[-1] == ((4,), {"stable": 4})
    assert [entry.action for entry in store.history()] == ["deploy", "failed"]


def test_first_deployment_that_fails_leaves_the_family_following_the_newest(rollout, store, double):
    double.broken[5] = "no"
    with pytest.raises(LoadFailed):
        rollout.run("deploy", partial(deployed, version=5))
    assert store.read() == {}
    assert store.history()[-1].action == "failed"


def test_blocked_deployment_is_mended_by_the_next_one(rollout, double):
    double.broken[5] = "no"
    with pytest.raises(LoadFailed):
        rollout.run("deploy", partial(deployed, version=5))
    double.broken.clear()
    assert pins(rollout.run("deploy", partial(deployed, version=5)))[0] == 5


def test_failure_of_an_earlier_attempt_is_not_taken_for_a_new_one(rollout, double):
    double.states[5] = (END, "an old failure")
    done = rollout.run("deploy", partial(deployed, version=5))
    assert done.stable == 5


def test_version_that_is_not_on_the_volume_is_an_invalid_spec(rollout, store, double):
    rollout.run("deploy", partial(deployed, version=4))
    with pytest.raises(NoSuchVersion, match="finds no version 9"):
        rollout.run("deploy", partial(deployed, version=9))
    kept = store.read()["a"]
    assert pins(kept) == (4, None, None, Condition.INVALID)
    assert double.labels == {"stable": 4}


def test_version_that_takes_too_long_is_given_up(store, fleet, double):
    double.held.add(5)
    hasty = Pace(timeout=0.2, poll=0.01)
    with pytest.raises(LoadFailed, match=r"After 0\.2 s version 5 is LOADING"):
        Rollout("a", store, fleet, pace=hasty).run("deploy", partial(deployed, version=5))


def test_change_that_is_not_possible_touches_nothing(rollout, store, double):
    with pytest.raises(InputError, match="no canary"):
        rollout.run("promote", promoted)
    assert (store.read(), store.history(), double.reloads) == ({}, [], [])


def test_refused_files_are_blocked_before_a_server_is_asked(store, fleet, double):
    def check(version: int) -> None:
        raise LodestarError(f"Version {version} is refused: `x` has another sha256.")

    store.swap("a", None, Deployment(4))
    with pytest.raises(LodestarError, match="sha256"):
        Rollout("a", store, fleet, check=check).run("deploy", partial(deployed, version=5))
    assert pins(store.read()["a"]) == (4, None, None, Condition.BLOCKED)
    assert double.reloads == []


def test_rollback_while_loading_gives_the_load_up_at_once(rollout, store, fleet, double):
    rollout.run("deploy", partial(deployed, version=4))
    before, reloads = store.read()["a"], len(double.reloads)
    double.held.add(5)
    errors: list[BaseException] = []

    def deploy() -> None:
        try:
            rollout.run("deploy", partial(deployed, version=5))
        except LodestarError as error:
            errors.append(error)

    deployer = threading.Thread(target=deploy)
    deployer.start()
    double.wait_for_reload((4, 5))
    assert store.read()["a"].state is Condition.IN_PROGRESS
    done = Rollout("a", store, fleet, pace=QUICK).run("rollback", rolled_back)
    assert pins(done) == pins(before)
    deployer.join()
    assert [type(error) for error in errors] == [Superseded]
    assert "rollback by" in errors[0].problem
    double.release(5)
    assert (double.labels, double.available()) == ({"stable": 4}, [4])
    assert pins(store.read()["a"]) == pins(before)
    assert len(double.reloads) > reloads


def test_two_deployers_at_once_leave_what_one_of_them_decided(store, double):
    double.states[4] = (AVAILABLE, "")
    with listening(double) as address:
        errors: list[BaseException] = []

        def deploy(version: int) -> None:
            with FixedFleet([address]) as fleet:
                try:
                    Rollout("a", store, fleet, pace=QUICK).run("deploy", partial(deployed, version=version))
                except LodestarError as error:
                    errors.append(error)

        deployers = [threading.Thread(target=deploy, args=(version,)) for version in (3, 5)]
        for deployer in deployers:
            deployer.start()
        for deployer in deployers:
            deployer.join()
    kept = store.read()["a"]
    assert all(isinstance(error, Superseded) for error in errors) and len(errors) < 2
    assert kept.state is Condition.UP_TO_DATE
    assert double.labels == kept.labels
    assert set(double.available()) == set(kept.versions)


def test_every_server_must_have_the_version_before_a_label_moves(store, double):
    slow = Double(on_volume=(4, 5), available=(4,))
    slow.held.add(5)
    with listening(double) as one, listening(slow) as two, FixedFleet([one, two]) as fleet:
        rollout = Rollout("a", store, fleet, pace=QUICK)
        deployer = threading.Thread(target=rollout.run, args=("deploy", partial(deployed, version=5)))
        deployer.start()
        slow.wait_for_reload((4, 5))
        assert double.labels == {"stable": 4}
        slow.release(5)
        deployer.join()
    assert double.labels == slow.labels == {"stable": 5}


def test_server_that_breaks_down_meanwhile_is_undone_on_the_others(store, double):
    broken = Double(on_volume=(4,), available=(4,))
    broken.on_volume.add(5)
    broken.broken[5] = "no memory"
    with (
        listening(double) as one,
        listening(broken) as two,
        FixedFleet([one, two]) as fleet,
        pytest.raises(LoadFailed, match="no memory"),
    ):
        Rollout("a", store, fleet, pace=QUICK).run("deploy", partial(deployed, version=5))
    assert double.available() != [4, 5] and "stable" not in double.labels


def test_server_that_is_gone_is_told(store, double):
    with listening(double) as address:
        fleet = FixedFleet([address])
        Rollout("a", store, fleet, pace=QUICK).run("deploy", partial(deployed, version=4))
    with fleet, pytest.raises(LoadFailed, match="does not answer"):
        Rollout("a", store, fleet, pace=QUICK).run("deploy", partial(deployed, version=5))
    assert pins(store.read()["a"]) == (4, None, None, Condition.BLOCKED)


def test_stable_version_that_was_lost_can_be_replaced(rollout, store, double):
    store.swap("a", None, Deployment(4))
    double.states[4], double.labels = (END, "no memory"), {"stable": 4}
    double.broken[4] = "no memory"
    done = rollout.run("deploy", partial(deployed, version=5))
    assert (done.stable, double.labels) == (5, {"stable": 5})


def test_server_that_has_just_begun_is_waited_for(rollout, store, double):
    store.swap("a", None, Deployment(4))
    double.states, double.labels = {4: (LOADING, "")}, {}
    deployer = threading.Thread(target=rollout.run, args=("deploy", partial(deployed, version=5)))
    deployer.start()
    with double.lock:
        assert double.reloaded.wait_for(lambda: double.refused, 10)
    double.states[4] = (AVAILABLE, "")
    deployer.join()
    assert (double.labels, double.available()) == ({"stable": 5}, [4, 5])


def test_lost_version_of_another_family_blocks_nothing(rollout, store, double):
    (store.root / "b" / "1").mkdir(parents=True)
    store.swap("b", None, Deployment(1))
    double.lost = {"b"}
    rollout.run("deploy", partial(deployed, version=5))
    assert double.models == ["a", "b"]


def test_reload_names_the_other_families_too(rollout, store, double):
    (store.root / "b" / "1").mkdir(parents=True)
    rollout.run("deploy", partial(deployed, version=5))
    assert double.models == ["a", "b"]


def test_without_a_server_the_choice_is_kept_for_its_start(store):
    done = Rollout("a", store, None).run("deploy", partial(deployed, version=5))
    assert store.read() == {"a": done}
    assert done.state is Condition.UP_TO_DATE


def test_labels_that_somebody_else_has_moved_are_put_right(rollout, double):
    rollout.run("canary", partial(canaried, version=5, percent=10))
    double.labels = {"stable": 5}
    done = rollout.run("canary", partial(canaried, version=5, percent=20))
    assert done.canary == Canary(5, 20)
    assert double.labels == {"stable": 4, "canary": 5}
