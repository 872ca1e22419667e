"""What a stream is told, block by block: each is opened, filled and closed, and has a name of its own.

One prompt is all that a stream has, so its name never changes, and neither does that of the audio.
"""

from __future__ import annotations

from s2s.items import whole
from s2s.wire import Send
from s2s.wire.nova import messages as m

PROMPT, SYSTEM, AUDIO = "prompt", "system", "audio"
_PIECE = 4000
"""Characters of one textInput; a longer text takes several."""


def say(event: m.Asked) -> Send:
    """Spell one event."""
    return Send(m.encode(m.ClientMessage(event=event)))


def text(name: str, role: str, words: str, *, interactive: bool) -> list[Send]:
    """Spell a whole block of text; an interactive one is answered."""
    start = m.InputStart(
        prompt_name=PROMPT,
        content_name=name,
        type="TEXT",
        interactive=interactive,
        role=role,
        text_input_configuration=m.MediaConfiguration(media_type=m.TEXT_PLAIN),
    )
    words = whole(words)
    pieces = [words[at : at + _PIECE] for at in range(0, len(words), _PIECE)]
    told = [say(m.Asked(text_input=_filled(name, each))) for each in pieces]
    return [say(m.Asked(content_start=start)), *told, _closed(name)]


def result(name: str, tool_use_id: str, document: str) -> list[Send]:
    """Spell a whole block with the result of a tool, which is a JSON document."""
    start = m.InputStart(
        prompt_name=PROMPT,
        content_name=name,
        type="TOOL",
        interactive=False,
        role="TOOL",
        tool_result_input_configuration=m.ToolResultInputConfiguration(
            tool_use_id=tool_use_id,
            type="TEXT",
            text_input_configuration=m.MediaConfiguration(media_type=m.TEXT_PLAIN),
        ),
    )
    filled = say(m.Asked(tool_result=_filled(name, document)))
    return [say(m.Asked(content_start=start)), filled, _closed(name)]


def audio(rate: int) -> Send:
    """Spell the beginning of the user's audio, which lasts as long as the stream."""
    start = m.InputStart(
        prompt_name=PROMPT,
        content_name=AUDIO,
        type="AUDIO",
        interactive=True,
        role="USER",
        audio_input_configuration=m.AudioConfiguration(
            media_type=m.LPCM,
            sample_rate_hertz=rate,
            sample_size_bits=16,
            channel_count=1,
            audio_type="SPEECH",
            encoding="base64",
        ),
    )
    return say(m.Asked(content_start=start))


def ending(*open_blocks: str) -> tuple[Send, ...]:
    """Spell the end of a stream in which these blocks are open."""
    closed = [_closed(each) for each in open_blocks]
    prompt = say(m.Asked(prompt_end=m.PromptEnd(prompt_name=PROMPT)))
    return (*closed, prompt, say(m.Asked(session_end=m.Empty())))


def around_audio() -> tuple[bytes, bytes]:
    """Return what stands before and after the base64 of an audioInput."""
    before, after = say(m.Asked(audio_input=_filled(AUDIO, "?"))).data.split(b"?")
    return before, after


def _filled(name: str, content: str) -> m.Input:
    return m.Input(prompt_name=PROMPT, content_name=name, content=content)


def _closed(name: str) -> Send:
    return say(m.Asked(content_end=m.InputEnd(prompt_name=PROMPT, content_name=name)))
