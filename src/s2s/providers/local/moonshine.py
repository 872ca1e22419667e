"""Moonshine tiny: English speech to text.

Cost: about 8 ms for a second of audio, 5 ms for an utterance, 2 to 3 ms for a token of its text. Of an
utterance that was guessed at while it grew, most tokens are paid for: the next look at the same audio offers
the guess to the model, which checks 16 tokens in one step.

On silence, noise or tones Moonshine hears "You" or "Thank you". Nothing here prevents it: the caller knows
whether somebody spoke.

Source: inputs and outputs of the graphs in moonshine-voice 0.0.73, and measurement, 2026-11-22.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2s.providers.local import store
from s2s.providers.local.pool import Pool, Priority

_RATE_HZ = 16_000
_SHORTEST_BYTES = _RATE_HZ // 10 * 2
# Without digital silence at its end a short word in noise is heard twice or more ("Stop, stop.").
_TAIL, _LEAST = _RATE_HZ // 5, _RATE_HZ * 11 // 10
# In frames of 20 ms. The model takes 30 s and then fails; above 15 s attention costs more than all else.
_FRAME, _LONGEST = _RATE_HZ // 50, 750
_CUT_FROM, _CUT_TO, _PAUSE = 350, 600, 10
_SILENT = 1e-3

_BEGIN, _END = 1, 2
_FEW_TOKENS, _TOKENS_PER_S = 4, 10
_LOOP, _LOOP_PERIODS = 24, range(1, 17)
_OFFERED = 16
_OPENING_BYTES = _RATE_HZ * 2

Samples = NDArray[np.int16]
Feed = dict[str, NDArray[Any]]


class MoonshineSTT:
    """Fills the STT seat; one object serves all sessions, each utterance on one thread of the pool."""

    sample_rate = _RATE_HZ
    languages: tuple[str, ...] = ("en",)

    def __init__(self, pool: Pool, *, directory: str | os.PathLike[str] | None = None) -> None:
        self._pool = pool
        self._directory = directory
        self._loading = threading.Lock()
        self._model: _Model | None = None
        self._memory = _Memory()

    async def warm(self) -> None:
        """Load the model, once. Raises ConfigError that says what to install."""
        if self._model is None:
            await self._pool.run(Priority.LOADING, lambda _: self._loaded())

    async def transcribe(self, pcm: bytes, *, urgent: bool = True) -> str:
        """Return the words of PCM16 LE mono audio at 16 kHz; below 0.1 s there are none.

        Guesses at a growing utterance make the later ones cheap if all begin at the same sample. They may
        tip the balance between two spellings that the model finds equally likely.
        """
        if len(pcm) < _SHORTEST_BYTES:
            return ""
        await self.warm()
        priority = Priority.TRANSCRIPT if urgent else Priority.GUESS
        return await self._pool.run(priority, lambda stop: self._text(pcm, stop))

    def _loaded(self) -> _Model:
        with self._loading:
            if self._model is None:
                self._model = _Model(self._directory)
            return self._model

    def _text(self, pcm: bytes, stop: threading.Event) -> str:
        model = self._loaded()
        sound = np.frombuffer(pcm, "<i2", len(pcm) // 2)
        heard = (model.text(self._hear(model, piece, stop)) for piece in _pieces(sound))
        return " ".join(text for text in heard if text)

    def _hear(self, model: _Model, piece: Samples, stop: threading.Event) -> Sequence[int]:
        audio = piece.tobytes()
        whole, opening = _digest(audio), _digest(audio[:_OPENING_BYTES], b"opening")
        if (known := self._memory.get(whole)) is not None:
            return known
        tokens = model.hear(piece, self._memory.get(opening) or (), stop)
        if not stop.is_set():
            self._memory.put(whole, tokens)
            self._memory.put(opening, tokens)
        return tokens


class _Model:
    def __init__(self, directory: str | os.PathLike[str] | None) -> None:
        # An arena keeps what the longest utterance needed, 120 MB more than a short one, and saves no time.
        self._encoder = store.load("moonshine-encoder", directory, enable_cpu_mem_arena=False)
        self._decoder = store.load("moonshine-decoder", directory, enable_cpu_mem_arena=False)
        self._words = _vocabulary(store.find("moonshine-tokenizer", directory).read_bytes())
        self._present = [output.name for output in self._decoder.get_outputs()][1:]
        self._growing = [name for name in self._present if ".decoder." in name]

    def text(self, tokens: Sequence[int]) -> str:
        written = b"".join(self._words[token] for token in tokens).decode(errors="replace")
        return written.replace("\u2581", " ").strip()

    def hear(self, piece: Samples, draft: Sequence[int], stop: threading.Event) -> list[int]:
        """Return the tokens of this audio, of which `draft` may foretell many; some, when stopped."""
        if stop.is_set():
            return []
        most = _FEW_TOKENS + len(piece) * _TOKENS_PER_S // _RATE_HZ
        feed, tokens = self._listen(piece), [_BEGIN]
        while tokens[-1] != _END and len(tokens) <= most and not stop.is_set():
            offered = _foretold(tokens, (_BEGIN, *draft))
            said = self._say(feed, [tokens[-1], *offered])
            agreed = next((at for at, token in enumerate(offered) if token != said[at]), len(offered))
            self._forget(feed, len(tokens) + agreed)
            tokens += said[: agreed + 1]
            if repeated := _repeated(tokens):
                del tokens[-repeated:]
                break
        return [token for token in tokens if token not in (_BEGIN, _END)]

    def _listen(self, piece: Samples) -> Feed:
        sound = np.zeros((1, max(_LEAST, len(piece) + _TAIL)), np.float32)
        np.multiply(piece, np.float32(1 / 32768), out=sound[0, : len(piece)])
        mask = np.ones(sound.shape, np.int64)
        (states,) = self._encoder.run(None, {"input_values": sound, "attention_mask": mask})
        nothing = np.zeros((1, 8, 0, 36), np.float32)
        past = {_past(name): nothing for name in self._present}
        given = {"encoder_hidden_states": states, "encoder_attention_mask": mask}
        return {**past, **given, "use_cache_branch": np.array([False])}

    def _say(self, feed: Feed, tokens: Sequence[int]) -> list[int]:
        """Return what comes after each of these tokens; `feed` remembers them."""
        feed["input_ids"] = np.array([tokens], np.int64)
        new = self._growing if feed["use_cache_branch"] else self._present
        logits, *present = self._decoder.run(["logits", *new], feed)
        feed.update(zip(map(_past, new), present, strict=True))
        feed["use_cache_branch"] = np.array([True])
        return [int(each.argmax()) for each in logits[0]]

    def _forget(self, feed: Feed, length: int) -> None:
        """Let `feed` remember only so many tokens."""
        for name in map(_past, self._growing):
            feed[name] = feed[name][:, :, :length]


class _Memory:
    """What was heard lately, by a digest of the audio."""

    def __init__(self) -> None:
        self._heard: OrderedDict[bytes, Sequence[int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, digest: bytes) -> Sequence[int] | None:
        return self._heard.get(digest)

    def put(self, digest: bytes, tokens: Sequence[int]) -> None:
        with self._lock:
            self._heard[digest] = tokens
            self._heard.move_to_end(digest)
            if len(self._heard) > 128:
                self._heard.popitem(last=False)


def _digest(audio: bytes, kind: bytes = b"") -> bytes:
    return hashlib.blake2b(audio, digest_size=16, person=kind).digest()


def _pieces(sound: Samples) -> Iterator[Samples]:
    """Cut long audio at its quietest places; leave out pieces in which nothing sounds.

    A cut depends only on the audio before it and up to 3 s after, so a growing utterance keeps its cuts.
    """
    if len(sound) <= _LONGEST * _FRAME:
        yield sound
        return
    frames = sound[: len(sound) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float32)
    levels = np.square(frames).mean(axis=1)
    cuts = [0]
    while len(levels) - cuts[-1] > _LONGEST:
        cuts.append(cuts[-1] + _quietest(levels[cuts[-1] :]))
    for begin, end in itertools.pairwise([*cuts, len(levels)]):
        if levels[begin:end].max() > levels.max() * _SILENT:
            yield sound[begin * _FRAME : end * _FRAME]


def _quietest(levels: NDArray[np.float32]) -> int:
    """Return the middle of the quietest 200 ms between 7 and 12 s."""
    sums = np.cumsum(levels[_CUT_FROM:_CUT_TO], dtype=np.float64)
    return _CUT_FROM + int((sums[_PAUSE:] - sums[:-_PAUSE]).argmin()) + _PAUSE // 2


def _foretold(tokens: Sequence[int], draft: Sequence[int]) -> Sequence[int]:
    """Return what the draft says next if it goes on where these tokens end, give or take one token."""
    end = len(tokens) - 1
    for at in (end, end + 1, end - 1):
        if 0 <= at < len(draft) and draft[at] == tokens[-1]:
            return draft[at + 1 : at + 1 + _OFFERED]
    return ()


def _repeated(tokens: Sequence[int]) -> int:
    """Return how many tokens at the end only say again what stands before them: the model is in a loop."""
    for period in _LOOP_PERIODS:
        span = max(3 * period, _LOOP)
        if len(tokens) >= span and tokens[-span + period :] == tokens[-span:-period]:
            return span - period
    return 0


def _past(name: str) -> str:
    return name.replace("present", "past_key_values")


def _vocabulary(packed: bytes) -> list[bytes]:
    """Return the bytes of each token: one length byte, or two from 128 on, before each."""
    words, at = [], 0
    while at < len(packed):
        size, at = packed[at], at + 1
        if size >= 128:
            size, at = size - 128 + 128 * packed[at], at + 1
        words.append(packed[at : at + size])
        at += size
    return words
