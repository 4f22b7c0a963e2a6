"""Scripts that run in another interpreter; they import nothing of ours."""

from __future__ import annotations
