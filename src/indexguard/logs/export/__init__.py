"""Events of the audit log in the formats of others: each module turns one event into one, and knows nothing of files."""
