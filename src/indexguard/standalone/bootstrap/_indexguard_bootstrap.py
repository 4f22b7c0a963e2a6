"""Finds the start-up hook from this folder and calls it; the parent pip puts the folder on a child's path."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def install() -> None:
    """Start the guard that this folder belongs to, unless the interpreter has started one of its own."""
    if "_indexguard_hook" not in sys.modules:
        import os

        # What importlib.util would give: another start-up module may have purged that, and be half of one if imported anew.
        from _frozen_importlib import module_from_spec
        from _frozen_importlib_external import spec_from_file_location

        folder = os.path.abspath(__file__)
        for _ in range(4):  # bootstrap, standalone, indexguard: the hook lies beside the package
            folder = os.path.dirname(folder)
        spec = spec_from_file_location("_indexguard_hook", os.path.join(folder, "_indexguard_hook.py"))
        if spec is None or spec.loader is None:
            raise ImportError("the start-up hook of indexguard is missing from " + folder)
        module = module_from_spec(spec)
        sys.modules["_indexguard_hook"] = module
        spec.loader.exec_module(module)
    sys.modules["_indexguard_hook"].install()


def chain(ours: "ModuleType") -> None:
    """Run the ``sitecustomize`` that ours stands before; what it raises goes on to ``site``, which reports it."""
    import os
    from _frozen_importlib import module_from_spec
    from _frozen_importlib_external import PathFinder

    here = os.path.dirname(os.path.abspath(__file__))
    others = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != here]
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is None or spec.loader is None:
        return
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules["sitecustomize"] = ours
        raise
