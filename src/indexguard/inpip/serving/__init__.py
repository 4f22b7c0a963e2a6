"""What a page tells of its files beside their place: loaded where a policy asks for it, or a project is not active."""

from __future__ import annotations
