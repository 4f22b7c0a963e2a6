#!/usr/bin/env bash
# Surprising: python-discovery 1.9.6 (which virtualenv uses) lists every interpreter in uv's store, though
# nothing of it is on PATH, but of pyenv's versions only those that are active, and these only through a shim on PATH.
# It knows PYENV_ROOT and reads it, yet a second installed version is not there for it. The same list depends on the
# folder it is made in: a .python-version file there makes a version appear.
# Matters to the guard: "all interpreters of this machine" cannot be left to it; who protects each of them has to read
# pyenv's folder too, or leaves out what becomes active tomorrow.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q python-discovery==1.9.6
"$dir/venv/bin/pip" list 2>/dev/null | grep python-discovery

# Four installations: the real binary copied, beside a link to its library.
read -r minor real prefix < <(
    python3 -c 'import sys; print(sys.version_info[1], sys._base_executable, sys.base_prefix)'
)
interpreter() {
    mkdir -p "$1/bin"
    cp -L "$real" "$1/bin/python3.$minor"
    ln -s "python3.$minor" "$1/bin/python"
    ln -s "$prefix/lib" "$1/lib"
}
interpreter "$dir/uv/cpython-3.$minor.1-linux-x86_64-gnu"
interpreter "$dir/uv/cpython-3.$minor.2-linux-x86_64-gnu"
interpreter "$dir/pyenv/versions/3.$minor.1"
interpreter "$dir/pyenv/versions/3.$minor.2"
mkdir "$dir/pyenv/shims" "$dir/plain" "$dir/project"
printf '#!/bin/sh\necho "no version is set" >&2\nexit 127\n' >"$dir/pyenv/shims/python3.$minor"
chmod +x "$dir/pyenv/shims/python3.$minor"
echo "3.$minor.2" >"$dir/project/.python-version"

look() { # EXPECTED LABEL FOLDER PATH: what is listed below uv's and pyenv's folders
    found=$(cd "$dir/$3" && env -i PATH="$4" HOME="$dir" PYENV_ROOT="$dir/pyenv" UV_PYTHON_INSTALL_DIR="$dir/uv" \
        "$dir/venv/bin/python" - "$dir" <<'PY'
import pathlib, sys
import python_discovery

top = pathlib.Path(sys.argv[1])
found = [pathlib.Path(python.executable) for python in python_discovery.iter_interpreters()]
parts = [path.relative_to(top).parts for path in found if top in path.parents]
print(*sorted("/".join(p[:3]) if p[0] == "pyenv" else p[0] for p in parts if p[0] != "venv"))
PY
    )
    echo "$2: $found"
    [ "$found" = "$1" ] || { echo "CHANGED: expected $1"; exit 1; }
}
look "uv uv" "two versions in PYENV_ROOT, its shims not on PATH" plain /nonexistent
look "uv uv" "shims on PATH, no version is active" plain "$dir/pyenv/shims"
look "pyenv/versions/3.$minor.2 uv uv" "shims on PATH, in a folder with .python-version" project "$dir/pyenv/shims"
echo "still so: all of uv's store, of pyenv only what is active here"
