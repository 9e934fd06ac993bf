"""Launch a data node so that its Beam runner is no part of what its cached outputs are found by."""

from __future__ import annotations

from google.protobuf import message
from tfx.orchestration.portable.beam_executor_operator import BeamExecutorOperator
from tfx.proto.orchestration import executable_spec_pb2

Operators = dict[type[message.Message], type[BeamExecutorOperator]]


def without_runner(spec: message.Message) -> tuple[message.Message, Operators]:
    """Return the executor spec that identifies a node, and the operators that run `spec` itself.

    Pass them to the launcher as `executor_spec` and `custom_executor_operators`. TFX keys its cache by the
    executor spec, and that of a data node holds Beam's arguments; the same outputs come from every runner.
    A spec of another kind comes back as it is.
    """
    if not isinstance(spec, executable_spec_pb2.BeamExecutableSpec):
        return spec, {}
    bare = executable_spec_pb2.BeamExecutableSpec(python_executor_spec=spec.python_executor_spec)

    class AsGiven(BeamExecutorOperator):
        def __init__(
            self, executor_spec: message.Message, platform_config: message.Message | None = None
        ) -> None:
            del executor_spec
            super().__init__(spec, platform_config)

    return bare, {executable_spec_pb2.BeamExecutableSpec: AsGiven}
