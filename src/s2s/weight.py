"""How much memory data takes, for queues and tables that are bounded in it."""

from __future__ import annotations

from sys import getsizeof

from msgspec import Struct
from msgspec.structs import astuple


def weight_bytes(data: object) -> int:
    """Return about how many bytes Structs, JSON and bytes take; what is held twice counts twice."""
    n_bytes, left = 0, [data]
    while left:
        each = left.pop()
        n_bytes += getsizeof(each)
        match each:
            case Struct():
                left += astuple(each)
            case dict():
                left += each.keys()
                left += each.values()
            case list() | tuple():
                left += each
            case _:
                pass
    return n_bytes
