"""The computer's microphone and loudspeaker."""
