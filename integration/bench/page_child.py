"""Runs in an environment's own Python, with its pip: evaluates one page each time it is told to.

Started as ``python page_child.py INDEX_URL PROJECT``. Each line on standard input is answered by one line, a JSON list:
wall seconds, CPU seconds, how many candidates remained. Every time with a new ``PackageFinder``, made as
``pip download`` makes it.
"""

from __future__ import annotations

import gc
import importlib
import json
import sys
import time
from typing import Any


def main() -> None:
    index_url, project = sys.argv[1:]
    # By name: in a guarded environment this is what the guard waits for, and it must be this environment's pip.
    commands: Any = importlib.import_module("pip._internal.commands")
    command = commands.create_command("download")
    options, _ = command.parse_args([f"--index-url={index_url}", "--no-cache-dir", project])
    with command.main_context():
        session = command.get_default_session(options)
        for _line in sys.stdin:
            finder = command._build_package_finder(options, session)  # noqa: SLF001 - as pip's own commands do
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            found = finder.find_all_candidates(project)
            answer = time.perf_counter() - wall, time.process_time() - cpu, len(found)
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
