#!/usr/bin/env bash
# Surprising: simple-repository-server 0.10.0 serves a folder of wheels with size, time and metadata of each file, but
# with no hash, which it could count as easily. uv 0.13.9 then writes a uv.lock that has no hash for the file and does
# not say so, while "uv pip compile --generate-hashes", asked about the same index, fetches the file and counts one.
# Matters to the guard: whether a lock names the content of a file depends on the index of the day it was made, and
# not on the lock's format; a report on locks has to look at each file.
set -eu
dir=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
PATH=$dir/venv/bin:$PATH
pip install -q uv==0.13.9 simple-repository-server==0.10.0
pip download -q --no-deps -d "$dir/repository/six" six==1.17.0
unset "${!PIP_@}" "${!UV_@}"
export UV_CACHE_DIR=$dir/cache UV_PYTHON_DOWNLOADS=never
pip list 2>/dev/null | grep -e simple-repository-server -e '^uv '

exec 3< <(exec simple-repository-server --host 127.0.0.1 --port 0 "$dir/repository" 2>&1)
server=$!
url=
while [ -z "$url" ] && read -r line <&3; do
    if [[ $line =~ running\ on\ (http://127\.0\.0\.1:[0-9]+) ]]; then url=${BASH_REMATCH[1]}/simple/; fi
done
[ -n "$url" ] || { echo "CHANGED: the server does not tell its port"; exit 1; }

python - "$url" <<'PY'
import json, sys, urllib.request

accept = {"Accept": "application/vnd.pypi.simple.v1+json"}
with urllib.request.urlopen(urllib.request.Request(sys.argv[1] + "six/", headers=accept)) as answer:
    (file,) = json.load(answer)["files"]
print("server:", {key: file.get(key) for key in ("size", "upload-time", "hashes")})
if file["hashes"] or not file["size"]:
    sys.exit("CHANGED: the server offers a hash, or no size")
PY

mkdir "$dir/project"
cat >"$dir/project/pyproject.toml" <<TOML
[project]
name = "demo"
version = "1.0"
requires-python = ">=3.10"
dependencies = ["six"]
[[tool.uv.index]]
url = "$url"
default = true
TOML
uv lock --project "$dir/project" --python python >"$dir/said" 2>&1 || { cat "$dir/said"; exit 1; }
echo "uv lock: $(tail -n 1 "$dir/said")"
grep six-1.17.0 "$dir/project/uv.lock" || { echo "CHANGED: uv.lock does not name the file"; exit 1; }
if grep -i hash "$dir/project/uv.lock" "$dir/said"; then echo "CHANGED: a hash, or a word about it"; exit 1; fi

echo six | uv pip compile -q --no-config --no-header --generate-hashes --index-url "$url" - >"$dir/pins"
echo "uv pip compile: $(tr -s ' \\\n' ' ' <"$dir/pins")"
grep -q -e --hash=sha256: "$dir/pins" || { echo "CHANGED: uv pip compile gives no hash"; exit 1; }
echo "still so: the same tool, index and file; one way a lock without a hash, the other way with it"
