"""One conversation in which the user's side is given: what is sent, what comes back, when."""
