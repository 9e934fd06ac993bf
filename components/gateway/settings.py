"""What `lodestar gateway` can be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .servers import Servers


@dataclass(frozen=True)
class GatewaySettings:
    """All settings of a gateway.

    Attributes:
        servers: Where the models are served.
        shards: Family -> models that its collection is divided into.
        serving: The serving root, `<root>/<family>/<version>/`: says where a version's data is.
        feedback: Folder that events are appended to.
        database: URL of the catalogue; empty: a SQLite file in `state`.
        state: Folder for what the gateway itself keeps.
        deployments: File that says what is stable and canary; None: nothing is pinned.
        api_keys: File of the keys' hashes; None: none is asked for.
        rate_limit: What one caller may ask, e.g. `50/second`; empty: any number.
        timeout_seconds: For one call to a model, all attempts together.
        max_upload_bytes: Of a request with a file.
        max_body_bytes: Of any other request.
        max_concurrent: Requests under way; more are answered with 503.
        import_catalogue: Whether to fill the catalogue from the data of the version that is served.
        trusted_proxies: Addresses whose `X-Forwarded-For` is believed, comma separated; empty: none.
    """

    servers: Servers = field(default_factory=Servers)
    shards: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    serving: Path = Path("serving")
    feedback: Path = Path("feedback")
    database: str = ""
    state: Path = Path("gateway")
    deployments: Path | None = None
    api_keys: Path | None = None
    rate_limit: str = "50/second"
    timeout_seconds: float = 10.0
    max_upload_bytes: int = 16 * 2**20
    max_body_bytes: int = 2**20
    max_concurrent: int = 256
    import_catalogue: bool = True
    trusted_proxies: str = ""

    @property
    def database_url(self) -> str:
        """Return the URL of the catalogue."""
        return self.database or f"sqlite:///{self.state.absolute() / 'catalogue.sqlite'}"
