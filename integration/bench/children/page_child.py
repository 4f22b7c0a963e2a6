"""Runs in an environment's own Python, with its pip: evaluates one page each time it is told to.

Started as ``python page_child.py INDEX_URL PROJECT``. Each byte on standard input is answered by one line, a JSON list:
wall seconds, CPU seconds, how many candidates remained. Every time with a new ``PackageFinder``, made as
``pip download`` makes it, and in a new copy of this process: a real pip meets each page once, with empty caches.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
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
        command._build_package_finder(options, session)  # noqa: SLF001 - as pip's own commands do; activates the guard
        while os.read(0, 1):  # unbuffered: what is read here must not be read again by a copy
            copy = os.fork()
            if copy == 0:
                finder = command._build_package_finder(options, session)  # noqa: SLF001 - as above
                gc.collect()
                wall, cpu = time.perf_counter(), time.process_time()
                found = finder.find_all_candidates(project)
                answer = time.perf_counter() - wall, time.process_time() - cpu, len(found)
                os.write(1, json.dumps(answer).encode() + b"\n")
                os._exit(0)
            if os.waitpid(copy, 0)[1] != 0:
                sys.exit("the page could not be evaluated")


if __name__ == "__main__":
    main()
