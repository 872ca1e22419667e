"""Speech without a conversation."""
