#!/usr/bin/env bash
# Surprising: over plain http pip 26.3 keeps no page of an index, whatever the index says about its age. Name the host
# with --trusted-host, and it keeps them: then a release published a moment ago does not exist ("No matching
# distribution found") until the page's max-age is over or --refresh-package names it. An option about trust decides
# how old an answer may be.
# Matters to the guard: a run may end without one request to the index that its log names, and two machines with the
# same index see different releases because one of them has the option in its configuration. pip's source says why
# it is so (a page that nobody vouches for must not stay in the cache); the option's help does not.
set -eu
dir=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
PATH=$dir/venv/bin:$PATH
pip install -q pip==26.3
pip download -q --no-deps -d "$dir/old" six==1.16.0
pip download -q --no-deps -d "$dir/new" six==1.17.0
unset "${!PIP_@}"
export PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1
pip --version | cut -d' ' -f1,2

# The index: a folder that http.server lists, every answer good for ten minutes. It prints its port, then the requests.
mkdir -p "$dir/index/six"
exec 3< <(exec python -u - "$dir/index" 2>"$dir/requests" <<'PY'
import functools, http.server, sys

class Index(http.server.SimpleHTTPRequestHandler):
    def end_headers(self):
        self.send_header("Cache-Control", "max-age=600")
        super().end_headers()

handler = functools.partial(Index, directory=sys.argv[1])
with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
    print(server.server_port)
    server.serve_forever()
PY
)
server=$!
read -r port <&3

ask() { # LABEL OPTION...: what would be installed, and how often the page was asked for
    : >"$dir/requests"
    got=$(pip install --dry-run --index-url "http://127.0.0.1:$port/" "${@:2}" 2>&1 | tail -n 1)
    pages=$(grep -c 'GET /six/ ' "$dir/requests" || true)
    echo "$1: $got; pages asked for: $pages"
}
fail() { echo "CHANGED: $1"; exit 1; }

for trust in no yes; do
    options=(--cache-dir "$dir/cache-$trust" --ignore-installed)
    if [ $trust = yes ]; then options+=(--trusted-host 127.0.0.1); fi
    rm -f "$dir"/index/six/*
    cp "$dir"/old/*.whl "$dir/index/six/"
    ask "trusted-host $trust, before the release" "${options[@]}" six
    [ "$got" = "Would install six-1.16.0" ] || fail "the old release is not found"
    cp "$dir"/new/*.whl "$dir/index/six/"
    ask "trusted-host $trust, after the release" "${options[@]}" six
    if [ $trust = no ]; then
        [ "$got, $pages" = "Would install six-1.17.0, 1" ] || fail "without --trusted-host the page is kept"
        continue
    fi
    [ "$got, $pages" = "Would install six-1.16.0, 0" ] || fail "with --trusted-host the page is asked for again"
    ask "trusted-host yes, six>=1.17 wanted" "${options[@]}" "six>=1.17"
    case $got in *"No matching distribution found"*) ;; *) fail "the new release is seen" ;; esac
    ask "trusted-host yes, refreshed" "${options[@]}" --refresh-package six six
    [ "$got, $pages" = "Would install six-1.17.0, 1" ] || fail "--refresh-package does not ask again"
done
echo "still so: --trusted-host makes pip keep the pages of a plain http index"
