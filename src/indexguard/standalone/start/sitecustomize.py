"""Starts indexguard in every virtual environment of this Python.

Written by `indexguard activate`; `python -m _indexguard deactivate` removes it. What it starts lies in the folder
`_indexguard` beside it; without that folder it does nothing.
"""

# >>> indexguard: starts the guard in every pip of this Python; `python -m _indexguard deactivate` removes this >>>


def _start_indexguard() -> None:
    import os  # has been imported before this, as sys has
    import sys

    # What importlib.util would give, which Python has not imported here.
    from _frozen_importlib import module_from_spec
    from _frozen_importlib_external import spec_from_file_location

    if any(getattr(entry, "indexguard_hook", None) is True for entry in sys.meta_path):
        return  # a .pth file was first
    folder = os.path.dirname(__file__) + "/_indexguard/"
    try:
        # By its path: nothing that PYTHONPATH leads to is taken for it.
        path = folder + os.readlink(folder + "current") + "/_indexguard_hook.py"
        spec = spec_from_file_location("_indexguard_hook", path)
        module = sys.modules["_indexguard_hook"] = module_from_spec(spec)  # type: ignore[arg-type]  # there is one
        spec.loader.exec_module(module)  # type: ignore[union-attr]  # as above
        module.install()
    except Exception as error:  # whatever it is, Python goes on
        if isinstance(error, FileNotFoundError) and not os.path.exists(folder + "manifest.json"):
            return  # it was removed
        text = f"ERROR: indexguard: guard-broken: the guard in {folder} cannot start, so pip may not go on\n"
        text += f"    cause: {type(error).__name__}: {error}\n    hint: an installed indexguard repairs it with "
        text += f"`indexguard activate`; without one remove {folder}, then install it and activate it again"

        # pip's commands that fetch; it imports each when it is called, so that all others go on.
        fetching = tuple(
            f".pip._internal.commands.{name}" for name in ("install", "download", "wheel", "index", "lock")
        )

        class Refusing:
            @staticmethod
            def find_spec(name: str, _path: object = None, _target: object = None) -> None:
                if f".{name}".endswith(fetching):
                    raise SystemExit(text)

        sys.meta_path.insert(0, Refusing)


_start_indexguard()
del _start_indexguard
# <<< indexguard <<<


def _chain() -> None:
    # Python runs one `sitecustomize`: the first on its path. The one that this file stands before must run as well.
    # What it raises goes on to `site`, which reports it.
    import os
    import sys

    here = os.path.dirname(__file__)
    # Only what comes after: one that came before has handed over to this file, and may be on the path still.
    after = sys.path[sys.path.index(here) + 1 :] if here in sys.path else []
    # Looked for by name first: to have the finders list each folder costs more than all the rest.
    kinds = ("/sitecustomize.py", "/sitecustomize", "/sitecustomize.pyc")
    after = [entry for entry in after if os.path.isfile(entry) or any(os.path.exists(entry + kind) for kind in kinds)]
    if not after:
        return
    from _frozen_importlib import module_from_spec
    from _frozen_importlib_external import PathFinder

    spec = PathFinder.find_spec("sitecustomize", after)
    if spec is None or spec.loader is None:
        return
    module = sys.modules["sitecustomize"] = module_from_spec(spec)
    spec.loader.exec_module(module)


_chain()
del _chain
