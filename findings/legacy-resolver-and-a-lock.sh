#!/usr/bin/env bash
# Surprising: a pylock.toml says from which URL each file is to come. pip 26.1.2 with --use-deprecated=legacy-resolver
# takes names, versions and hashes from it, but fetches the files from the configured index, and never asks for the URLs
# that the lock names; without the option it asks for those alone. pip 26.3 does so with either resolver.
# Matters to the guard: with pip 26.1 and the legacy resolver a lock does not go round the indexes: its names are judged
# as any other name is, by the pages of the indexes, and not as locked links.
set -eu
dir=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT
for pip in 26.1.2 26.3; do
    python3 -m venv "$dir/pip-$pip"
    "$dir/pip-$pip/bin/python" -m pip install -q "pip==$pip"
done
"$dir/pip-26.3/bin/python" -m pip download -q --no-deps -d "$dir/root/locked" six==1.17.0
unset "${!PIP_@}"
export PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1

mkdir -p "$dir/root/simple/six"
cp "$dir"/root/locked/*.whl "$dir/root/simple/six/"
exec 3< <(exec python3 -u -m http.server 0 --bind 127.0.0.1 --directory "$dir/root" 2>"$dir/requests")
server=$!
read -r line <&3 # Serving HTTP on 127.0.0.1 port 8000 (http://127.0.0.1:8000/) ...
port=${line#* port }
url=http://127.0.0.1:${port%% *}
wheel=$(basename "$dir"/root/locked/*.whl)
digest=$(sha256sum "$dir/root/locked/$wheel" | cut -d' ' -f1)
cat >"$dir/pylock.toml" <<LOCK
lock-version = "1.0"
created-by = "by hand"
[[packages]]
name = "six"
version = "1.17.0"
[[packages.wheels]]
name = "$wheel"
url = "$url/locked/$wheel"
hashes = { sha256 = "$digest" }
LOCK

check() { # PIP EXPECTED OPTION...: where the file is fetched from
    local pip=$1 expected=$2 from=
    shift 2
    : >"$dir/requests"
    rm -rf "$dir/target"
    "$dir/pip-$pip/bin/python" -m pip install -q --no-cache-dir --no-deps --target "$dir/target" \
        --index-url "$url/simple/" -r "$dir/pylock.toml" "$@" >"$dir/said" 2>&1 ||
        { cat "$dir/said"; echo "CHANGED: the install fails"; exit 1; }
    ! grep -aq "GET /locked/six" "$dir/requests" || from="the lock's URL"
    ! grep -aq "GET /simple/six/six" "$dir/requests" || from="${from}the index"
    echo "pip $pip ${*:-with its own resolver}: the file comes from $from"
    [ "$from" = "$expected" ] || { echo "CHANGED: it came from $expected"; exit 1; }
}
check 26.1.2 "the lock's URL"
check 26.1.2 "the index" --use-deprecated=legacy-resolver
check 26.3 "the lock's URL"
check 26.3 "the lock's URL" --use-deprecated=legacy-resolver
echo "still so: the legacy resolver of pip 26.1.2 fetches from the index what a lock has at another URL"
