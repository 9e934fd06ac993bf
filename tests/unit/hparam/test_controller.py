from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.errors import LodestarError
from hparam.control import request
from hparam.executors import Observed, Phase
from hparam.journal import Journal
from hparam.outcome import Failure
from hparam.request import TrialRequest
from hparam.space import Space
from hparam.spec import StoppingSettings
from hparam.trials import TrialState
from tests.sweeps import FAMILY, PENALTY, RATE, RUNNING, SUCCEEDED, Desk, Runs, bowl, finish, report, succeed

FAULT = Observed(Phase.FAULT, "oom", "out of memory", ("Killed",))
FAILED = Observed(Phase.FAILED, "exit 1", "the process ended with exit 1", ("Traceback", "KeyError"))


def stay(asked: TrialRequest, folder: Path) -> Observed:
    return RUNNING


def states(desk: Desk) -> list[str]:
    return [trial.state.value for trial in desk.seen[-1].trials]


def test_all_trials_are_tried_and_the_best_is_known(tmp_path) -> None:
    sweep = Desk.of(tmp_path, trials=6).run()
    assert sweep.ended == "trials" and sweep.message == "all 6 trials have ended"
    losses = [bowl(trial.params) for trial in sweep.trials]
    assert [trial.value for trial in sweep.trials] == losses
    assert sweep.best.value == min(losses)


def test_every_slot_is_filled_before_anything_is_awaited(tmp_path) -> None:
    desk = Desk.of(tmp_path, stay, trials=6, parallel=3)
    assert not desk.run().ended
    assert states(desk) == ["RUNNING"] * 3
    assert desk.story()[1:] == ["opened"] + [
        f"{event} {number}" for number in range(3) for event in ("proposed", "started")
    ]


def test_trials_that_have_ended_are_recorded_one_by_one_with_a_proposal_after_each(tmp_path) -> None:
    desk = Desk.of(tmp_path, trials=4, parallel=2)
    desk.run()
    assert desk.story()[6:] == [
        *("succeeded 0", "proposed 2", "started 2"),
        *("succeeded 1", "proposed 3", "started 3"),
        *("succeeded 2", "succeeded 3", "ended"),
    ]


def test_trial_is_asked_for_its_point_in_the_settings(tmp_path) -> None:
    desk = Desk.of(tmp_path, trials=1)
    [trial] = desk.run().trials
    asked = TrialRequest.read(desk.folder.trial(0, 0) / "request.json")
    assert asked.params == trial.params and set(asked.params) == {RATE, PENALTY}
    assert asked.settings["train"]["learning_rate"] == trial.params[RATE]
    assert (asked.sweep, asked.metric, asked.inputs.examples) == ("films", "rmse", "/examples")


def test_trial_that_met_a_fault_is_started_again_and_does_not_count_as_failed(tmp_path) -> None:
    def fall_once(asked: TrialRequest, folder: Path) -> Observed:
        return FAULT if asked.attempt == 0 else succeed(asked, folder)

    desk = Desk.of(tmp_path, fall_once, trials=3, failures=1)
    sweep = desk.run()
    assert sweep.ended == "trials"
    assert [(t.state.value, t.attempt) for t in sweep.trials] == [("SUCCEEDED", 1)] * 3
    assert "films-0000-0" in desk.runs.launched and "films-0000-1" in desk.runs.launched
    assert desk.records("lost")[0]["reason"] == "oom" and desk.records("lost")[0]["log"] == ["Killed"]


def test_trial_that_only_meets_faults_is_lost_after_its_retries(tmp_path) -> None:
    desk = Desk.of(tmp_path, lambda asked, folder: FAULT, trials=2, retries=2, parallel=1)
    sweep = desk.run()
    assert sweep.ended == "trials" and states(desk) == ["LOST", "LOST"]
    assert desk.runs.launched == [
        f"films-{trial:04d}-{attempt}" for trial in range(2) for attempt in range(3)
    ]


def test_failed_trial_keeps_its_reason_and_log(tmp_path) -> None:
    def fail(asked: TrialRequest, folder: Path) -> Observed:
        if asked.trial == 0:
            Failure("input", "no ratings").write(folder)
            return FAILED
        if asked.trial == 1:
            (folder / "log.txt").write_text("epoch 1\n")
            return SUCCEEDED
        return succeed(asked, folder)

    trials = Desk.of(tmp_path, fail, trials=3).run().trials
    assert [(t.state.value, t.reason, t.log) for t in trials[:2]] == [
        ("FAILED", "input", ("Traceback", "KeyError")),
        ("FAILED", "no_metric", ("epoch 1",)),
    ]
    assert trials[2].state is TrialState.SUCCEEDED


def test_enough_failed_trials_end_the_sweep_and_stop_what_runs(tmp_path) -> None:
    def fail(asked: TrialRequest, folder: Path) -> Observed:
        return RUNNING if asked.trial == 1 else FAILED

    desk = Desk.of(tmp_path, fail, trials=20, parallel=2, failures=3)
    sweep = desk.run()
    assert sweep.ended == "failures" and "the process ended with exit 1" in sweep.message
    assert states(desk) == ["FAILED", "STOPPED", "FAILED", "FAILED"]
    assert desk.runs.stopped == ["films-0001-0"]


def test_value_that_is_no_finite_number_ends_a_trial_at_once(tmp_path) -> None:
    def diverge(asked: TrialRequest, folder: Path) -> Observed:
        report(folder, 1, 0.9)
        report(folder, 2, float("inf"))
        return RUNNING

    desk = Desk.of(tmp_path, diverge, trials=1)
    [trial] = desk.run().trials
    assert (trial.state, trial.reason) == (TrialState.FAILED, "non_finite")
    assert desk.runs.stopped == ["films-0000-0"]


def test_hopeless_trial_is_stopped_with_its_last_value_and_its_best(tmp_path) -> None:
    def learn(asked: TrialRequest, folder: Path) -> Observed:
        if asked.trial < 2:
            report(folder, 1, 1.0)
            report(folder, 2, 0.9)
            return finish(folder, 0.9, step=2)
        for step, value in ((1, 1.0), (2, 0.95), (3, 1.5)):
            report(folder, step, value)
        return RUNNING

    stopping = StoppingSettings(rule="median", startup=2)
    desk = Desk.of(tmp_path, learn, trials=3, parallel=1, stopping=stopping)
    sweep = desk.run()
    trial = sweep.trials[2]
    assert sweep.ended == "trials"
    assert (trial.state, trial.reason, trial.step, trial.value) == (TrialState.STOPPED, "median", 3, 1.5)
    assert trial.metrics == {"rmse": 0.95}
    assert desk.runs.stopped == ["films-0002-0"]


def test_halving_looks_at_every_trial_once_at_each_rung(tmp_path) -> None:
    def learn(asked: TrialRequest, folder: Path) -> Observed:
        report(folder, 1, 1.0 - asked.trial / 10)
        return RUNNING

    stopping = StoppingSettings(rule="asha", reduction=2)
    desk = Desk.of(tmp_path, learn, trials=3, parallel=1, stopping=stopping)
    # Each is better than those before, and the only one that arrives when it is looked at.
    more = iter((2, 3))
    desk.while_idle = lambda: request(desk.folder.control, {"parallel": next(more, 3)})
    desk.run()
    assert states(desk) == ["RUNNING"] * 3
    desk.run()
    assert states(desk) == ["RUNNING"] * 3
    # At the next rung the first arrives alone; the second is behind it.
    report(desk.folder.trial(0, 0), 2, 0.5)
    desk.while_idle = lambda: report(desk.folder.trial(1, 0), 2, 0.6)
    assert [trial.state.value for trial in desk.run().trials] == ["RUNNING", "STOPPED", "RUNNING"]


def test_target_ends_the_sweep(tmp_path) -> None:
    def behave(asked: TrialRequest, folder: Path) -> Observed:
        return finish(folder, 0.9) if asked.trial == 2 else finish(folder, 2.0)

    sweep = Desk.of(tmp_path, behave, trials=20, parallel=1, target=0.9).run()
    assert (sweep.ended, len(sweep.trials)) == ("target", 3)


def test_wall_time_ends_the_sweep_with_what_runs(tmp_path) -> None:
    desk = Desk.of(tmp_path, stay, trials=20, wall_seconds=0.25)
    desk.turns = 10
    sweep = desk.run()
    assert sweep.ended == "wall" and states(desk) == ["STOPPED", "STOPPED"]
    assert desk.now == pytest.approx(1000.3)
    assert desk.runs.stopped == ["films-0000-0", "films-0001-0"]


def test_small_space_ends_the_sweep_when_every_point_has_been_tried(tmp_path) -> None:
    space = {"train": {"dimensions": {"choices": [8, 16, 32]}}}
    sweep = Desk.of(tmp_path, lambda asked, folder: finish(folder, 1.0), trials=20, space=space).run()
    assert sweep.ended == "exhausted"
    assert sorted(trial.params["train.dimensions"] for trial in sweep.trials) == [8, 16, 32]


def test_paused_sweep_starts_nothing_until_it_is_resumed(tmp_path) -> None:
    desk = Desk.of(tmp_path, trials=4, parallel=1)
    request(desk.folder.control, {"paused": True})
    assert not desk.run().trials
    request(desk.folder.control, {"paused": False})
    assert desk.run().ended == "trials"


def test_drained_sweep_ends_with_the_trials_that_run_and_goes_on_when_given_more(tmp_path) -> None:
    desk = Desk.of(tmp_path, stay, trials=4, parallel=2)
    desk.run()
    request(desk.folder.control, {"draining": True})
    assert not desk.run().ended
    desk.runs.seen = dict.fromkeys(desk.runs.seen, FAILED)
    assert desk.run().ended == "drained" and len(desk.runs.launched) == 2
    desk.runs.behave = succeed
    request(desk.folder.control, {"trials": 6})
    sweep = desk.run()
    assert sweep.ended == "trials" and len(sweep.trials) == 6


def test_stopped_sweep_ends_at_once_and_stays_so(tmp_path) -> None:
    desk = Desk.of(tmp_path, stay, trials=4, parallel=2)
    desk.run()
    request(desk.folder.control, {"stopping": True})
    assert desk.run().ended == "stopped" and states(desk) == ["STOPPED", "STOPPED"]
    records = len(desk.records())
    assert desk.run().ended == "stopped" and len(desk.records()) == records


def test_numbers_of_trials_can_be_changed_while_it_runs(tmp_path) -> None:
    desk = Desk.of(tmp_path, stay, trials=10, parallel=1)
    desk.while_idle = lambda: request(desk.folder.control, {"parallel": 3, "trials": 2})
    desk.run()
    assert states(desk) == ["RUNNING", "RUNNING"]
    request(desk.folder.control, {"trials": 9})
    desk.run()
    assert states(desk) == ["RUNNING"] * 3


def test_retry_is_a_new_trial_of_the_same_point_beyond_the_others(tmp_path) -> None:
    desk = Desk.of(tmp_path, lambda asked, folder: FAULT, trials=2, retries=0)
    first = desk.run()
    desk.runs.behave = succeed
    request(desk.folder.control, {"retry": 1})
    sweep = desk.run()
    assert [t.state.value for t in sweep.trials] == ["LOST", "LOST", "SUCCEEDED"]
    assert sweep.trials[2].params == sweep.trials[1].params
    assert sweep.trials[2].proposer["retry_of"] == 1
    assert sweep.trials[:2] == first.trials and sweep.ended == "trials"


def test_wrong_retry_does_not_reopen_an_ended_sweep(tmp_path) -> None:
    desk = Desk.of(tmp_path, trials=2)
    desk.run()
    records = len(desk.records())
    request(desk.folder.control, {"retry": 2})
    assert desk.run().ended == "trials" and len(desk.records()) == records


@pytest.mark.parametrize(
    "wrong",
    [
        *({"trials": 0}, {"parallel": "x"}, {"seed": 3}),
        *({"retry": 9}, {"retry": "0"}, {"retry": -1}, {"retry": 0, "paused": True}),
    ],
)
def test_wrong_request_is_told_and_ignored(tmp_path, caplog, wrong) -> None:
    desk = Desk.of(tmp_path, stay, trials=1)
    desk.run()
    request(desk.folder.control, wrong)
    with caplog.at_level(logging.WARNING):
        sweep = desk.run()
    assert "is ignored" in caplog.text
    assert states(desk) == ["RUNNING"] and sweep.budget == desk.seen[0].budget


def test_interrupted_controller_leaves_its_trials_to_the_next(tmp_path) -> None:
    desk = Desk.of(tmp_path, stay, trials=2)
    desk.run()
    assert desk.runs.stopped == []
    desk.runs.seen = dict.fromkeys(desk.runs.seen, SUCCEEDED)
    for number in range(2):
        finish(desk.folder.trial(number, 0), 1.0)
    assert desk.run().ended == "trials"
    assert desk.runs.launched == ["films-0000-0", "films-0001-0"]


def test_run_that_has_vanished_is_judged_by_what_it_left(tmp_path) -> None:
    desk = Desk.of(tmp_path, stay, trials=2)
    desk.run()
    desk.runs.seen.clear()
    desk.runs.behave = succeed
    finish(desk.folder.trial(0, 0), 1.0)
    trials = desk.run().trials
    assert [(t.state.value, t.attempt) for t in trials] == [("SUCCEEDED", 0), ("SUCCEEDED", 1)]
    assert desk.records("lost")[0]["reason"] == "gone"


def test_runs_that_the_journal_does_not_know_are_ended(tmp_path) -> None:
    desk = Desk.of(tmp_path, stay, trials=2, parallel=1)
    left = desk.folder.trial(0, 0)
    left.mkdir(parents=True)
    finish(left, 0.0)
    desk.runs.seen = {"films-0000-0": SUCCEEDED, "other-0000-0": RUNNING}
    desk.run()
    assert desk.runs.stopped == ["films-0000-0"] and desk.runs.launched == ["films-0000-0"]
    assert states(desk) == ["RUNNING"]


def test_run_of_a_trial_whose_end_is_recorded_is_ended(tmp_path) -> None:
    desk = Desk.of(tmp_path, stay, trials=2, parallel=1)
    desk.run()
    journal = Journal.open(desk.folder, desk.clock)
    journal.append("stopped", trial=0, attempt=0, value=1.0, step=1, reason="median")
    desk.run()
    assert desk.runs.stopped == ["films-0000-0"]
    assert states(desk) == ["STOPPED", "RUNNING"]


@dataclass
class Lease:
    """A lock that is lost after some looks at it."""

    looks: int

    def acquire(self) -> None:
        pass

    def release(self) -> None:
        pass

    @property
    def held(self) -> bool:
        self.looks -= 1
        return self.looks >= 0


@pytest.mark.parametrize("looks", range(8))
def test_nothing_is_written_or_started_once_the_lease_is_lost(tmp_path, looks) -> None:
    desk = Desk.of(tmp_path, trials=20)
    with pytest.raises(LodestarError, match="taken over"):
        desk.run(Lease(looks))
    # Every record and every launch is one look.
    assert len(desk.records()) - 1 + len(desk.runs.launched) == looks


class Refusing(Runs):
    def launch(self, name: str, folder: Path) -> None:
        raise LodestarError("The account may not create Jobs.", cure="Give it the Role.")


def test_refused_launch_ends_the_sweep_and_the_next_controller_tries_again(tmp_path) -> None:
    desk = Desk.of(tmp_path, Refusing(), trials=2)
    with pytest.raises(LodestarError, match="may not create Jobs"):
        desk.run()
    ended = desk.seen[-1]
    assert (ended.ended, ended.message) == ("error", "The account may not create Jobs.")
    desk.runs = Runs()
    assert desk.run().ended == "trials"
    assert desk.runs.launched[0] == "films-0000-0"


def test_point_of_a_sweep_depends_on_its_journal_alone(tmp_path) -> None:
    whole = Desk.of(tmp_path / "a", trials=8).run()
    desk = Desk.of(tmp_path / "b", trials=8)
    desk.turns = 0
    with desk.controller() as controller:
        controller.interrupted = lambda: len(desk.records()) >= 9
        controller.run()
    desk.turns = 3
    assert [t.params for t in desk.run().trials] == [t.params for t in whole.trials]
    space = Space.parse(whole.spec.space, FAMILY, whole.spec.settings)
    assert all(space.contains(trial.params) for trial in whole.trials)
