"""What to say where no server can listen."""

from __future__ import annotations

from s2s.errors import ConfigError

_LAST = 65_535


def no_place(host: str, port: int, why: OSError | OverflowError) -> ConfigError:
    """Return what to say where nobody can listen."""
    if isinstance(why, OverflowError):
        return ConfigError(f"there is no port {port}: choose one up to {_LAST}, or 0 for any that is free")
    told = f"{why.strerror or type(why).__name__}; choose another port, or an address of this machine"
    return ConfigError(f"cannot serve on {host}:{port}: {told}")
