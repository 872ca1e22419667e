"""How sentences, replies and prompts come to their ends: each time what is told of it, and asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from s2s.commands import Cancel, Command
from s2s.events import Usage
from s2s.wire import Send
from s2s.wire.nova import messages as m
from s2s.wire.nova.ledger import Completion, Ledger, Reply, Stage
from s2s.wire.nova.sentences import Sentence
from s2s.wire.nova.spelling import Stop

Made = list[Send | Command]
MUTE = (Stage.STOPPING, Stage.CUT)


def begin(ledger: Ledger) -> list[Send]:
    """Tell that answers come, before the first of what belongs to them."""
    if ledger.completion is not Completion.NONE:
        return []
    ledger.completion = Completion.OPEN
    return [ledger.spelling.begin()]


def tell(ledger: Ledger, reply: Reply, pieces: Iterable[str | bytes]) -> list[Send]:
    """Tell sentences and audio in their order; the words of a sentence end the audio before it.

    Words that come after the end of the audio are told with all that was said.
    """
    told: list[Send] = []
    for each in pieces:
        if isinstance(each, str):
            told_ms = reply.told_ms.get(reply.item_id, 0.0)
            reply.sentences.append(Sentence(each, reply.item_id, told_ms))
        if reply.stage is not Stage.GENERATED:
            told += _planned(ledger, reply, each) if isinstance(each, str) else _audio(ledger, reply, each)
    if told and reply.stage is Stage.SILENT:
        reply.stage = Stage.SPEAKING
    return told


def _planned(ledger: Ledger, reply: Reply, text: str) -> list[Send]:
    told = [*end_speech(ledger, reply, "PARTIAL_TURN"), *begin(ledger)]
    return [*told, *ledger.spelling.text(text, "ASSISTANT", "SPECULATIVE")]


def _audio(ledger: Ledger, reply: Reply, pcm: bytes) -> list[Send]:
    told_ms = reply.told_ms.get(reply.item_id, 0.0) + len(pcm) / ledger.voice.bytes_per_ms
    reply.told_ms[reply.item_id] = told_ms
    if reply.sentences and reply.sentences[-1].item_id == reply.item_id:
        reply.sentences[-1].end_ms = told_ms
    told = begin(ledger)
    if reply.speech is None:
        reply.speech, opened = ledger.spelling.begin_speech()
        told.append(opened)
    return [*told, *ledger.spelling.audio(reply.speech, pcm)]


def end_speech(ledger: Ledger, reply: Reply, stop: Stop) -> list[Send]:
    """Close the block of audio that is open, if there is one."""
    speech, reply.speech = reply.speech, None
    return [] if speech is None else [ledger.spelling.end_speech(speech, stop)]


def finish(ledger: Ledger, reply: Reply) -> list[Send]:
    """Tell whatever waits of what was generated so far."""
    rest = [each.audio for each in ledger.voice.finish() if each.audio]
    pieces = [piece for each in rest for piece in ledger.pending.add_audio(each)]
    return tell(ledger, reply, [*pieces, *ledger.pending.flush()])


def generated(ledger: Ledger, reply: Reply) -> list[Send]:
    """Tell that nothing more of a reply comes, unless that was told: the turn is over but for its calls."""
    told = finish(ledger, reply)
    if reply.stage is Stage.GENERATED:
        return told
    if reply.speech is None and not reply.calls:
        reply.speech, opened = ledger.spelling.begin_speech()
        told += [*begin(ledger), opened]
    reply.stage = Stage.GENERATED
    return [*told, *end_speech(ledger, reply, "END_TURN")]


def said(ledger: Ledger, sentences: Sequence[Sentence], last: Stop) -> list[Send]:
    """Tell what was really said; `last` is how the last sentence ends."""
    stops: list[Stop] = ["PARTIAL_TURN"] * len(sentences)
    stops[-1:] = [last] * bool(sentences)
    pairs = zip(sentences, stops, strict=True)
    return [
        send for each, stop in pairs for send in ledger.spelling.text(each.text, "ASSISTANT", "FINAL", stop)
    ]


def interrupt(ledger: Ledger, reply: Reply, sentences: Sequence[Sentence], stop: Stop) -> list[Send]:
    """Tell once that a reply was cut off, and which sentences were heard, unless nothing of it was told."""
    before, reply.stage = reply.stage, Stage.CUT
    if before is Stage.CUT:
        return []
    ledger.voice.reset()
    ledger.pending.forget()
    if before is Stage.SILENT:
        return overheard(ledger)
    told = [*end_speech(ledger, reply, stop), *said(ledger, sentences, "PARTIAL_TURN")]
    return [*told, *cut_off(ledger), *overheard(ledger)]


def cut_off(ledger: Ledger) -> list[Send]:
    """Tell that the user has cut off what is heard."""
    return ledger.spelling.text(m.INTERRUPTED, "ASSISTANT", "FINAL", "INTERRUPTED")


def stop(ledger: Ledger) -> Made:
    """Have the reply under way stop; how much of it was heard is told when the engine knows."""
    reply = ledger.reply
    if reply is None or reply.stage in MUTE:
        return []
    # Of a reply of which nothing was told there is nothing to be cut off.
    reply.stage = Stage.CUT if reply.stage is Stage.SILENT else Stage.STOPPING
    return [Cancel(reply.id)]


def overheard(ledger: Ledger) -> list[Send]:
    """Tell what the user said meanwhile."""
    texts, ledger.overheard = ledger.overheard, []
    return [send for each in texts for send in ledger.spelling.text(each, "USER", "FINAL")]


def spent(ledger: Ledger, usage: Usage | None) -> list[Send]:
    """Tell what something cost."""
    if usage is None or ledger.completion is Completion.OVER:
        return []
    return [ledger.spelling.usage(ledger.tally.count(usage))]


def close(ledger: Ledger) -> Made:
    """End all that is under way, for the prompt has ended."""
    reply, ledger.reply = ledger.reply, None
    before, ledger.completion = ledger.completion, Completion.OVER
    told: Made = []
    if reply is not None:
        told = [Cancel(reply.id), *end_speech(ledger, reply, "END_TURN")]
    return [*told, ledger.spelling.finish()] if before is Completion.OPEN else told
