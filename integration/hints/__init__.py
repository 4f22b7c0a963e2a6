"""What the guard's words tell the user to do, and what comes of it."""
