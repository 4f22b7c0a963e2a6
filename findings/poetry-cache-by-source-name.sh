#!/usr/bin/env bash
# Surprising: Poetry 2.5.1 keeps what a source has told (versions, files, hashes) under the name that pyproject.toml gives
# the source, not under its URL. A project whose source "house" is one index, locked after another project whose source
# "house" is another index, gets a poetry.lock with its own index's URL and the other index's hash of the file. Poetry
# says nothing; with an empty cache the same project gets the hash that its index gives.
# Matters to the guard: a hash in a poetry.lock need not be one that the index named beside it has ever given. A report
# that finds them apart has found a cache, or an attack, and must not say which.
set -eu
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
PATH=$dir/venv/bin:$PATH
pip install -q poetry==2.5.1
unset "${!PIP_@}" "${!POETRY_@}"
export HOME=$dir/home POETRY_VIRTUALENVS_CREATE=false
pip list 2>/dev/null | grep '^poetry '

# Two indexes, each with a file of the same name and another content.
for index in one two; do
    mkdir -p "$dir/$index/simple/demo-part"
    python - "$dir/$index" "$index" <<'PY'
import hashlib, pathlib, sys, zipfile

folder, content = pathlib.Path(sys.argv[1]), sys.argv[2]
wheel = folder / "demo_part-1.0-py3-none-any.whl"
info = "demo_part-1.0.dist-info"
with zipfile.ZipFile(wheel, "w") as archive:
    archive.writestr("demo_part.py", f"# of index {content}\n")
    archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: demo-part\nVersion: 1.0\n")
    archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: demo\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    archive.writestr(f"{info}/RECORD", f"demo_part.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
(folder / "digest").write_text(digest)
page = f'<!doctype html><a href="../../{wheel.name}#sha256={digest}">{wheel.name}</a>'
(folder / "simple/demo-part/index.html").write_text(page)
PY
    python -u -m http.server --bind 127.0.0.1 --directory "$dir/$index" 0 >"$dir/$index/port" 2>/dev/null &
    until grep -q 'port [0-9]' "$dir/$index/port"; do :; done
done
url() { echo "http://127.0.0.1:$(grep -o 'port [0-9]*' "$dir/$1/port" | head -n 1 | cut -d ' ' -f 2)/simple/"; }

# lock PROJECT INDEX CACHE: the project's source is always called "house".
lock() {
    mkdir -p "$dir/$1"
    cat >"$dir/$1/pyproject.toml" <<TOML
[project]
name = "demo"
version = "1.0"
requires-python = ">=3.10"
dependencies = ["demo-part"]
[tool.poetry]
package-mode = false
[[tool.poetry.source]]
name = "house"
url = "$(url "$2")"
priority = "primary"
TOML
    POETRY_CACHE_DIR=$dir/$3 poetry lock -q -C "$dir/$1" || { echo "CHANGED: poetry lock fails"; exit 1; }
    grep -q "$(url "$2" | sed 's,/$,,')" "$dir/$1/poetry.lock" || { echo "CHANGED: the lock names another index"; exit 1; }
    for index in one two; do
        if grep -q "$(cat "$dir/$index/digest")" "$dir/$1/poetry.lock"; then echo "$index"; fi
    done
}

echo "first project, index one: hash of index $(lock first one shared)"
second=$(lock second two shared)
echo "second project, index two, same cache: hash of index $second"
third=$(lock third two empty)
echo "the same with an empty cache: hash of index $third"
[ "$second" = one ] || { echo "CHANGED: the cache tells the indexes apart"; exit 1; }
[ "$third" = two ] || { echo "CHANGED: without the cache it is not the index's own hash"; exit 1; }
echo "still so: the name of a source, not its URL, says whose hash a lock gets"
