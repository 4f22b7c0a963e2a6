#!/usr/bin/env bash
# Surprising: pypi-simple 1.8.0 takes a file's name from the text of its link, not from the link. nginx's own listing
# shortens the text after 50 characters ("..>"), so each wheel with a long name is told as a package without project,
# version or type, whose name ends in "..>"; its URL is whole. pip 26.2 reads the link and installs from the same page.
# Matters to the guard: names and versions come from the link, in each command of ours that reads a page.
set -eu
dir=$(mktemp -d)
trap 'kill ${server:-} 2>/dev/null || true; rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
PATH=$dir/venv/bin:$PATH
pip install -q pip==26.2 pypi-simple==1.8.0
unset "${!PIP_@}"
export PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1
pip list --format freeze | grep -e '^pip=' -e '^pypi-simple='

file=zorg_instrumentation_of_everything-1.0-py3-none-any.whl
mkdir -p "$dir/simple/zorg-instrumentation-of-everything"
cat >"$dir/simple/zorg-instrumentation-of-everything/index.html" <<PAGE
<html>
<head><title>Index of /simple/zorg-instrumentation-of-everything/</title></head>
<body>
<h1>Index of /simple/zorg-instrumentation-of-everything/</h1><hr><pre><a href="../">../</a>
<a href="$file">${file:0:47}..&gt;</a> 30-Nov-2026 07:00     1234
</pre><hr></body>
</html>
PAGE
python - "$dir/simple/zorg-instrumentation-of-everything/$file" <<'WHEEL'
import sys, zipfile
info = "zorg_instrumentation_of_everything-1.0.dist-info/"
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: zorg-instrumentation-of-everything\nVersion: 1.0\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(info + "RECORD", "")
WHEEL
python -u -m http.server 0 --bind 127.0.0.1 --directory "$dir" >"$dir/server" 2>&1 &
server=$!
until url=$(grep -o 'http://127[^/]*' "$dir/server"); do kill -0 "$server"; done

seen=$(python - "$url/simple/" <<'CLIENT'
import sys
from pypi_simple import PyPISimple
with PyPISimple(sys.argv[1]) as client:
    for package in client.get_project_page("zorg-instrumentation-of-everything").packages:
        print(package.filename, package.project, package.version, package.package_type, package.url.rpartition("/")[2])
CLIENT
)
echo "pypi-simple: $seen"
pip_says=$(pip download -q --no-deps -d "$dir/got" --index-url "$url/simple/" zorg-instrumentation-of-everything && ls "$dir/got")
echo "pip: $pip_says"
[ "$(tail -n 1 <<<"$seen")" = "${file:0:47}..> None None None $file" ] || { echo "CHANGED: what pypi-simple tells"; exit 1; }
[ "$pip_says" = "$file" ] || { echo "CHANGED: pip's choice"; exit 1; }
echo "still so: the shortened text is believed, the link is not"
