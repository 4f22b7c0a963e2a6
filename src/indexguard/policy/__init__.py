"""The policy: what its values mean, how a file is read, where files live."""
