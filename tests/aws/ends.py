"""Streams that are refused, or end badly: `python -m tests.aws.ends FOLDER {"name": {...}}`.

Each is given `settings` of the client, what it shall `do`, and by `wanted` what the SDK must make of it.
"""

from __future__ import annotations

import os
from functools import partial

from smithy_core.exceptions import SmithyError

from tests.aws.order import JSON
from tests.aws.sound import tone
from tests.aws.stand import MODEL, Talk, arguments, connected, run, tell


async def ended(name: str, given: dict[str, JSON]) -> None:
    """Open a stream, do what shall be done, and tell how it ended."""
    talk = Talk(name)
    async with connected(**given["settings"]) as client:
        end = await _end(talk, client, given)
        told: dict[str, JSON] = {"type": "in order"} if end is None else described(end)
        told["completed"] = "completionEnd" in talk.trace["counts"]
        tell(name, **{**talk.trace, "end": told, "lines": [(told["type"], told.get("message", ""))]})


async def _end(talk: Talk, client: JSON, given: dict[str, JSON]) -> SmithyError | OSError | None:
    try:
        await talk.open(client, given.get("model", MODEL))
        await DEEDS[given["does"]](talk)
    except (SmithyError, OSError) as wrong:
        if not talk.ended.done() and not hasattr(talk, "request_id"):
            return wrong
    return await talk.over()


def described(end: SmithyError | OSError) -> dict[str, JSON]:
    """Return what an application sees of an exception."""
    seen = {"type": type(end).__name__, "message": getattr(end, "message", str(end))}
    for name in ("fault", "is_retry_safe", "is_throttling_error", "is_timeout_error", "retry_after", "code"):
        if hasattr(end, name):
            seen[name] = getattr(end, name)
    metadata = getattr(end, "response_metadata", None)
    if metadata is not None:
        seen |= {"status": metadata.http_status_code, "request_id": metadata.request_id}
    return seen


async def listen(talk: Talk) -> None:
    """Send audio until the end comes."""
    microphone = talk.listen()
    try:
        await talk.over()
    finally:
        await microphone.off()


async def say_nothing(talk: Talk) -> None:
    """Send a frame, and nothing more."""
    await talk.sound(bytes(1024))
    await talk.over()


async def speak(talk: Talk) -> None:
    """Ask something, and send audio until the end comes."""
    microphone = talk.listen()
    try:
        await microphone.say(tone(400))
        await talk.over()
    finally:
        await microphone.off()


async def prose(talk: Talk) -> None:
    """Answer a call with what is no JSON."""
    microphone = talk.listen()
    try:
        await microphone.say(tone(400))
        await talk.reply((await talk.block_of("TOOL", "TOOL")).contents[0], "22 degrees")
        await talk.over()
    finally:
        await microphone.off()


async def closed_block(talk: Talk) -> None:
    """Send audio to a block that is closed."""
    await talk.ask(contentEnd=talk.named(talk.microphone_name))
    await talk.sound(bytes(1024))
    await talk.over()


async def audio_amid_text(talk: Talk) -> None:
    """Send audio while a block of text is open."""
    await talk.begin("TEXT", "USER", interactive=True, textInputConfiguration={"mediaType": "text/plain"})
    await talk.sound(bytes(1024))
    await talk.over()


async def leave_early(talk: Talk) -> None:
    """End the stream and leave the prompt open."""
    await talk.stream.input_stream.close()
    await talk.over()


_DEEDS = (listen, say_nothing, speak, prose, closed_block, audio_amid_text, leave_early)
DEEDS = {each.__name__: each for each in _DEEDS}


if __name__ == "__main__":
    _, GIVEN = arguments()
    code = run({name: partial(ended, name, given) for name, given in GIVEN.items()})
    # Where a stream failed the SDK leaves tasks and threads behind that complain at the end.
    os._exit(code)
