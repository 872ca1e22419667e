"""Everything that remembers, nothing that waits."""
