"""Which Pythons and environments there are on this machine, and what one of them says when it is asked."""
