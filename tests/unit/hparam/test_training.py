import json
from pathlib import Path
from types import SimpleNamespace

from tfx.components.trainer.fn_args_utils import FnArgs

from components.distributed.request import Request
from components.trial import Trial
from hparam.request import TrialRequest
from hparam.spec import Inputs
from hparam.training import arguments, distributed_request

SETTINGS = {
    "data": {"source": "sample"},
    "transform": {},
    "train": {"dimensions": 16},
    "evaluate": {"metric": "rmse"},
    "serve": {"top_k": 5},
    "compute": {"workers": 3},
}
REQUEST = TrialRequest(
    sweep="try",
    trial=3,
    attempt=1,
    family="matrix-factorization",
    metric="rmse",
    higher_is_better=False,
    params={"train.dimensions": 16},
    settings=SETTINGS,
    inputs=Inputs(examples="/data/examples/", transform_graph="/data/graph"),
)


def test_run_fn_gets_every_argument_that_the_stock_trainer_gives_but_for_accessors():
    assert set(arguments(REQUEST, Path("/runs/3"))) == set(vars(FnArgs())) - {"data_accessor"}


def test_run_fn_gets_the_sweeps_data_and_the_trials_settings():
    found = arguments(REQUEST, Path("/runs/3"))
    assert found["train_files"] == ["/data/examples/Split-train/*"]
    assert found["transform_graph_path"] == "/data/graph"
    sections = json.loads(found["custom_config"]["settings"])
    assert sections == {name: SETTINGS[name] for name in ("transform", "train", "serve", "compute")}
    trial = Trial.of(SimpleNamespace(**found))
    assert trial == Trial(Path("/runs/3"), "rmse", {"train.dimensions": 16}, "trial 3 (attempt 1)")


def test_replicas_get_the_same_beside_the_trials_folder(tmp_path):
    request = distributed_request(REQUEST, tmp_path)
    request.write()
    assert Path(request.path) == tmp_path / "training" / "request.json"
    found = Request.read(request.path)
    assert found.arguments == arguments(REQUEST, tmp_path)
    assert found.compute.workers == 3
    assert found.run_fn == "components.models.matrix_factorization.trainer.run_fn"
