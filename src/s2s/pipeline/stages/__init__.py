"""The stages of a cascade as processors: hear that somebody speaks, understand, answer, speak."""

from s2s.pipeline.stages.brain import BrainProcessor
from s2s.pipeline.stages.stt import STTProcessor
from s2s.pipeline.stages.tts import TTSProcessor
from s2s.pipeline.stages.vad import VADProcessor

__all__ = ["BrainProcessor", "STTProcessor", "TTSProcessor", "VADProcessor"]
