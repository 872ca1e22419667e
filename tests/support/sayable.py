"""What the modules of our server of OpenAI Realtime name, so that no message goes unwitnessed."""

from __future__ import annotations

import re
from inspect import getsource

from s2s.wire.openai import answering, ledger, telling, userturns
from s2s.wire.openai import messages as m


def sayable() -> set[str]:
    """Return the types of all messages that the code of our server makes."""
    source = "".join(map(getsource, (answering, ledger, telling, userturns)))
    kinds = (getattr(m, name) for name in re.findall(r"\bm\.(\w+)", source))
    said = (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, m.ServerMessage))
    named = {str(kind.__struct_config__.tag) for kind in said if kind is not m.ServerMessage}
    return named | {"response.output_audio.delta"}  # spelled by hand, for there are many
