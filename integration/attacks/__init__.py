"""The attacks on package installers that we know of, each against one policy."""
