"""Where ML Metadata is, as a URL: `grpc://host:port`, `mysql://user@host:port/database`, `sqlite:///path`."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from components.errors import InputError

_FORMS = "grpc://host:8080, mysql://user@host:3306/database or sqlite:///path"
_PORTS = {"grpc": 8080, "mysql": 3306}


@dataclass(frozen=True)
class Address:
    """A parsed URL.

    Attributes:
        scheme: `grpc`, `mysql` or `sqlite`.
        host: Empty for `sqlite`.
        port: 0 for `sqlite`.
        user: For `mysql`.
        path: The database's name, or the file's absolute path.
    """

    scheme: str
    host: str = ""
    port: int = 0
    user: str = ""
    path: str = ""

    @classmethod
    def parse(cls, url: str) -> Address:
        """Return the parts of `url`.

        Raises:
            InputError: It has none of the three forms, or it holds a password.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise _wrong(url, str(error)) from None
        if parts.password:
            raise InputError(
                "The address of ML Metadata holds a password.",
                cure="Leave it out and set MLMD_PASSWORD from a Secret.",
            )
        if parts.scheme == "sqlite" and not parts.netloc and len(parts.path) > 1:
            return cls("sqlite", path=unquote(parts.path))
        database = parts.path.strip("/")
        if parts.scheme not in _PORTS or not parts.hostname:
            raise _wrong(url, "no such form")
        if parts.scheme == "grpc" and (database or parts.username):
            raise _wrong(url, "grpc takes a host and a port only")
        if parts.scheme == "mysql" and not (database and parts.username):
            raise _wrong(url, "mysql needs a user and a database")
        user = unquote(parts.username or "")
        return cls(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], user, database)


def _wrong(url: str, reason: str) -> InputError:
    return InputError(f"`{url}` is not the address of ML Metadata: {reason}.", cure=f"Write {_FORMS}.")
