"""What the guard costs: every target of the benchmark table, measured as ratios of interleaved runs."""
