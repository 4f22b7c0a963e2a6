"""The audit log: one JSON object per decision, one line per object, one write per line."""
