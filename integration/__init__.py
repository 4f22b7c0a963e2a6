"""Real pips against real indexes, on loopback: the harness, the scenarios and their runner."""
