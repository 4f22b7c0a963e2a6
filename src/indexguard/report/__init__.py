"""A page that shows the audit log: one HTML file that needs no network, no other file and no script.

All text of a log is untrusted here: who could write a line may have written anything into it.
"""
