"""Sound without a conversation: devices, and speech alone."""
