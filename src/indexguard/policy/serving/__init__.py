"""What a policy asks of the files that an index serves: loaded only by a file that has such keys."""

from __future__ import annotations
