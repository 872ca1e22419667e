"""`pytest --hypothesis-profile long` looks much longer for what breaks."""

from hypothesis import settings

settings.register_profile("long", max_examples=5000, deadline=None)
