"""How the guard's errors reach the user: as pip's own kinds of exception, and as the last thing that pip prints."""

from __future__ import annotations

import logging
from weakref import WeakKeyDictionary

from ...errors import GuardError
from .. import mains
from ..mains import Main
from ..reports import report_to_parent
from ..seams import pip_module

logger = logging.getLogger("indexguard")

_REFUSAL = "_indexguard_refusal"
"""The attribute of pip's module of exceptions that holds our own class: pip catches those that are made from its own."""


def as_pip_error(root: str, error: GuardError) -> Exception:
    """Return ``error`` as an exception that pip prints without a traceback, and that ends its run with status 1.

    pip >= 22.0 has ``DiagnosticPipError``, with places for message, context and hint; before, the same parts are text.
    The pip that started this one hears of it, so that it can explain it last.
    """
    report_to_parent(error)
    exceptions = pip_module(root, "_internal.exceptions")
    usual = exceptions.InstallationError
    pip_class = vars(exceptions).get(_REFUSAL)
    if pip_class is None or not issubclass(pip_class, usual):  # the second: the module was loaded again
        diagnostic = getattr(exceptions, "DiagnosticPipError", None)
        pip_class = usual if diagnostic is None else _make_diagnostic(root, diagnostic, usual)
        setattr(exceptions, _REFUSAL, pip_class)
    made: Exception = pip_class(error) if hasattr(pip_class, "is_guards") else pip_class(str(error))
    main = mains.current()
    if main is not None:
        _last_word_of(main).expect(made, error)
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


class LastWord(logging.Handler):
    """Watches the log records of a run of pip, to know whether the guard's explanation is the last thing it printed."""

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

    def end(self, _status: int | None) -> None:
        """Watch no longer."""
        logging.getLogger().removeHandler(self)


_last_words: WeakKeyDictionary[Main, LastWord] = WeakKeyDictionary()


def _last_word_of(main: Main) -> LastWord:
    if main not in _last_words:
        _last_words[main] = LastWord()
        main.at_end.append(_last_words[main].end)
    return _last_words[main]


def explain_last(errors: list[GuardError]) -> None:
    """Print the explanations, unless the last thing that pip printed was one of them; the pip above hears of them, too."""
    for error in errors:
        report_to_parent(error)
    main = mains.current()
    if errors and (main is None or not _last_word_of(main).was_ours):
        for error in errors:
            logger.error("%s", error)
