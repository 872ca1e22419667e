"""What several test modules share: plain links, a plain dialect, ears that remember."""
