"""Speech to speech and a cascade behind one session, which goes from one to the other and back."""

from s2s.pipeline.hybrid.pipeline import HybridPipeline
from s2s.pipeline.hybrid.policy import (
    Either,
    Failure,
    OnFailure,
    OnToolOverload,
    PipelineState,
    Side,
    Stay,
    SwitchPolicy,
)

__all__ = [
    "Either",
    "Failure",
    "HybridPipeline",
    "OnFailure",
    "OnToolOverload",
    "PipelineState",
    "Side",
    "Stay",
    "SwitchPolicy",
]
