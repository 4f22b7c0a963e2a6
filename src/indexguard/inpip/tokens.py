"""The secrets of a run, where a policy has ``{token}``: learnt before anything is shown or logged."""

from __future__ import annotations

import os

from .. import hiding
from ..audit.run_context import command_line


def learn_secrets(finder: object) -> None:
    """Note the secrets in all URLs that pip was told of: in the command line, the environment and its own files.

    :param finder: pip's; None if it is not known.
    """
    scope = getattr(finder, "search_scope", None)
    urls = [] if scope is None else [*scope.index_urls, *scope.find_links]
    hiding.learn((*command_line(), *os.environ.values(), *urls))
