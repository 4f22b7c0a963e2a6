"""Starts indexguard in every virtual environment of this Python.

Written by `indexguard activate`; `python -m _indexguard deactivate` removes it. What it starts lies in the folder
`_indexguard` beside it; without that folder it does nothing.
"""

# >>> indexguard: starts the guard in every pip of this Python; `python -m _indexguard deactivate` removes this >>>


def _start_indexguard() -> None:
    import os  # has been imported before this, as sys has
    import sys

    folder = os.path.dirname(os.path.abspath(__file__))
    folder = os.path.realpath(os.path.join(folder, "_indexguard", "current"))
    sys.path.insert(0, folder)
    try:
        import _indexguard_hook

        _indexguard_hook.install()
    except ModuleNotFoundError:
        pass  # the folder is gone
    except Exception as error:  # whatever it is, Python goes on
        if sys.stderr is not None:
            sys.stderr.write(f"indexguard does not start from {folder}: {error}\n")
    finally:
        sys.path.remove(folder)


_start_indexguard()
del _start_indexguard
# <<< indexguard <<<


def _chain() -> None:
    # Python runs one `sitecustomize`: the first on its path. The one that this file stands before must run as well.
    # What it raises goes on to `site`, which reports it.
    import os
    import sys

    # What importlib.machinery and importlib.util would give, which Python has not imported here.
    from _frozen_importlib import module_from_spec
    from _frozen_importlib_external import PathFinder

    here = os.path.dirname(os.path.abspath(__file__))
    entries = [os.path.abspath(entry) for entry in sys.path]
    # Only what comes after: one that came before has handed over to this file, and may be on the path still.
    spec = PathFinder.find_spec("sitecustomize", sys.path[entries.index(here) + 1 :]) if here in entries else None
    if spec is None or spec.loader is None:
        return
    module = sys.modules["sitecustomize"] = module_from_spec(spec)
    spec.loader.exec_module(module)


_chain()
del _chain
