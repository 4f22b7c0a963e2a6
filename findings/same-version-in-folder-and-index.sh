#!/usr/bin/env bash
# Surprising: the same version lies in a --find-links folder and on the index. pip 26.3 fetches it from the index,
# although its finder puts the folder's files first and calls that intended; uv 0.13.9, called with the same two
# options, takes the folder's file. A folder of wheels beside an index is so no way to say where a file comes from.
# Matters to the guard: "which file came" must be read from pip's own choice, never from the order of its sources; a
# wheel house that a machine keeps for an internal name does not keep pip from the index.
set -eu
dir=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
PATH=$dir/venv/bin:$PATH
pip install -q pip==26.3 uv==0.13.9
pip download -q --no-deps -d "$dir/folder" six==1.17.0
unset "${!PIP_@}" "${!UV_@}"
export PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1 UV_NO_CONFIG=1 UV_PYTHON_DOWNLOADS=never
pip --version | cut -d' ' -f1,2
uv --version | cut -d' ' -f1,2

mkdir -p "$dir/index/six"
cp "$dir"/folder/*.whl "$dir/index/six/"
exec 3< <(exec python -u -m http.server 0 --bind 127.0.0.1 --directory "$dir/index" 2>"$dir/requests")
server=$!
read -r line <&3 # Serving HTTP on 127.0.0.1 port 8000 (http://127.0.0.1:8000/) ...
port=${line#* port }
sources=(--index-url "http://127.0.0.1:${port%% *}/" --find-links "$dir/folder")

came_from() { # COMMAND...: installs six; "index" if its file was fetched over http, else "folder"
    : >"$dir/requests"
    "$@" "${sources[@]}" six >"$dir/said" 2>&1 || { cat "$dir/said"; echo "CHANGED: the install fails"; exit 1; }
    grep -q 'GET /six/ ' "$dir/requests" || { echo "CHANGED: the index was not asked"; exit 1; }
    if grep -q 'GET /six/six-.*whl' "$dir/requests"; then from=index; else from=folder; fi
}
came_from pip install --no-cache-dir --target "$dir/by-pip"
echo "pip: page asked for, file of the $from"
[ $from = index ] || { echo "CHANGED: pip takes the folder's file"; exit 1; }
came_from uv pip install --no-cache --python python --target "$dir/by-uv"
echo "uv: page asked for, file of the $from"
[ $from = folder ] || { echo "CHANGED: uv takes the index's file"; exit 1; }
cmp "$dir/by-pip/six.py" "$dir/by-uv/six.py"
echo "still so: at the same version pip prefers the index, uv the folder"
