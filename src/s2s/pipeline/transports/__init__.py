"""Where the frames of a pipeline come from and go to.

A page or a device comes by `websocket` and its `door`, which are loaded only by who asks for them.
"""

from s2s.pipeline.transports.memory import InMemory
from s2s.pipeline.transports.soundcard import SoundCard
from s2s.pipeline.transports.wav import WavFile

__all__ = ["InMemory", "SoundCard", "WavFile"]
