"""Other people's clients as judges of the simulator: each runs in an environment of its own."""
