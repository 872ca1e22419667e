"""Examples are the same in every run, as the gate needs; `--hypothesis-profile long` looks for more."""

from hypothesis import settings

settings.register_profile("gate", derandomize=True, deadline=None)
settings.load_profile("gate")
settings.register_profile("long", max_examples=5000, deadline=None)
