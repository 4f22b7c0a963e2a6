"""What the keys cost that say what may be served: the pip run, one name, the ledger."""
