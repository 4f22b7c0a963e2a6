"""How the guard's errors reach the user: as pip's own kinds of exception, and as the last thing that pip prints."""

from __future__ import annotations

import logging

from ...errors import GuardError
from ..reports import report_to_parent
from ..seams import pip_module

logger = logging.getLogger("indexguard")

_classes: dict[str, type[Exception]] = {}


def as_pip_error(root: str, error: GuardError) -> Exception:
    """Return ``error`` as an exception that pip prints without a traceback, and that ends its run with status 1.

    pip >= 22.0 has ``DiagnosticPipError``, with places for message, context and hint; before, the same parts are text.
    The pip that started this one hears of it, so that it can explain it last.
    """
    report_to_parent(error)
    if root not in _classes:
        exceptions = pip_module(root, "_internal.exceptions")
        diagnostic = getattr(exceptions, "DiagnosticPipError", None)
        usual = exceptions.InstallationError
        _classes[root] = usual if diagnostic is None else _make_diagnostic(root, diagnostic, usual)
    pip_class = _classes[root]
    made = pip_class(error) if hasattr(pip_class, "is_guards") else pip_class(str(error))
    _last_word.expect(made, error)
    return made


def _make_diagnostic(root: str, base: type[Exception], usual: type[Exception]) -> type[Exception]:
    # The usual class too: pipenv tells only that one as a message, and any other of pip's as a crash of its own.
    text = pip_module(root, "_vendor.rich.text").Text

    class Refusal(base, usual):  # type: ignore[valid-type, misc]  # the running pip's own classes
        """A refusal by indexguard."""

        is_guards = True

        def __init__(self, error: GuardError) -> None:
            self.guard_error = error
            # Text, never str: pip would read a URL with `[/]` in it as markup, and crash its logger.
            super().__init__(
                reference=error.code,
                message=text(error.refused),
                context=text("\n".join(error.fact_lines())) if error.facts else None,
                hint_stmt=text(error.hint),
            )
            # What `pip index` of pip <= 25.0 prints in the place of the whole.
            self.args = (str(error),)

        def __str__(self) -> str:
            return str(self.guard_error)

    return Refusal


class _LastWord(logging.Handler):
    """Watches pip's log records, to know whether the guard's explanation is the last thing that pip printed."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._awaited: list[Exception] = []
        self._texts: list[str] = []
        self.was_ours = False

    def expect(self, made: Exception, error: GuardError) -> None:
        """Begin to watch, for this exception."""
        self._awaited.append(made)
        self._texts.append(str(error))
        self.was_ours = False
        root = logging.getLogger()
        # pip configures logging anew in each run, and that removes all handlers.
        if self not in root.handlers:
            root.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Note whether this record is ours."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        self.was_ours = any(argument is made for made in self._awaited for argument in arguments) or (
            record.msg in self._texts
        )


_last_word = _LastWord()


def explain_last(errors: list[GuardError]) -> None:
    """Print the explanations, unless the last thing that pip printed was one of them; the pip above hears of them, too."""
    for error in errors:
        report_to_parent(error)
    if errors and not _last_word.was_ours:
        for error in errors:
            logger.error("%s", error)
