"""One thin module per engine."""
