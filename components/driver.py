"""What our own drivers start from."""

from __future__ import annotations

from tfx.dsl.components.base import base_driver as declared_driver
from tfx.orchestration import metadata
from tfx.orchestration.portable import base_driver


# A component class accepts only drivers of the first kind, the launcher runs only those of the second.
class NodeDriver(declared_driver.BaseDriver, base_driver.BaseDriver):
    """A driver that a component may name and the launcher can run."""

    def __init__(self, metadata_handle: metadata.Metadata) -> None:
        declared_driver.BaseDriver.__init__(self, metadata_handle)
        base_driver.BaseDriver.__init__(self, metadata_handle)
