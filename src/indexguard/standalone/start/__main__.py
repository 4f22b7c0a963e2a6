"""`python -m _indexguard COMMAND`: the command line of the guard that `indexguard activate` has put here."""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(_HERE, "current"))

try:
    # Where the package is installed too, its hook was first, and answers for what is imported here: it would take this
    # copy for a stranger.
    _hook = sys.modules.get("_indexguard_hook")
    if _hook is None or os.path.dirname(os.path.realpath(_hook.__file__ or "")) != os.path.realpath(sys.path[0]):
        for _name in [it for it in sys.modules if it == "_indexguard_hook" or it.partition(".")[0] == "indexguard"]:
            del sys.modules[_name]
        sys.meta_path[:] = [it for it in sys.meta_path if getattr(it, "indexguard_hook", None) is not True]
        import _indexguard_hook

        _indexguard_hook.install()
    from indexguard.cli import main
except Exception as error:
    sys.exit(
        f"indexguard: guard-broken: the copy in {_HERE} cannot run\n"
        f"    cause: {type(error).__name__}: {error}\n"
        f"    hint: an installed indexguard repairs it with `indexguard activate`; without one remove {_HERE}, then\n"
        "          install it (until then every pip runs unguarded) and activate it again"
    )

sys.exit(main())
