"""The ledger as many pips use it at once."""
