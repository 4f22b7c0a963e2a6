#!/usr/bin/env bash
# Surprising: where an index has only pre-releases of a project, pip 26.3 installs the newest of them. One *yanked* final
# release beside them, which pip will not take either, and it installs nothing: "no matching distribution ... from
# versions: 2.0a1" names the very version that it would have taken. uv 0.13.9 takes 2.0a1 from both pages.
# Matters to the guard: it removes files before pip's selection. Whether final releases are withheld (as ours) or marked
# (as a yank is) decides if pip falls back on pre-releases; a refusal that lists "versions left" must not promise them.
set -eu
dir=$(mktemp -d)
trap 'kill ${server:-} 2>/dev/null || true; rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
PATH=$dir/venv/bin:$PATH
pip install -q pip==26.3 uv==0.13.9
unset "${!PIP_@}" "${!UV_@}"
export PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1 UV_NO_CONFIG=1 UV_CACHE_DIR=$dir/cache UV_PYTHON_DOWNLOADS=never
pip list --format freeze | grep -e '^pip=' -e '^uv='

mkdir -p "$dir/files" "$dir/only/zorg" "$dir/beside/zorg"
python - "$dir/files" <<'WHEELS'
import sys, zipfile
for version in ("1.0", "2.0a1"):
    info = f"zorg-{version}.dist-info/"
    with zipfile.ZipFile(f"{sys.argv[1]}/zorg-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(info + "METADATA", f"Metadata-Version: 2.1\nName: zorg\nVersion: {version}\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(info + "RECORD", f"{info}METADATA,,\n{info}WHEEL,,\n{info}RECORD,,\n")
WHEELS
link() { echo "<a href=\"/files/zorg-$1-py3-none-any.whl\"${2:-}>zorg-$1-py3-none-any.whl</a>"; }
link 2.0a1 >"$dir/only/zorg/index.html"
{ link 1.0 ' data-yanked="broken"'; link 2.0a1; } >"$dir/beside/zorg/index.html"
python -u -m http.server 0 --bind 127.0.0.1 --directory "$dir" >"$dir/server" 2>&1 &
server=$!
until url=$(grep -o 'http://127[^/]*' "$dir/server"); do kill -0 "$server"; done

expect() { # WORDS TOOL PAGE: the tool's answer must hold the words
    case $2 in
        pip) said=$(pip install --dry-run --index-url "$url/$3/" zorg 2>&1) && code=0 || code=$? ;;
        uv) said=$(uv pip install --dry-run --python "$dir/venv/bin/python" --index-url "$url/$3/" zorg 2>&1) && code=0 || code=$? ;;
    esac
    echo "$2, $3 a yanked final: exit $code, $(grep -e 'Would install' -e 'from versions' -e '+ zorg' <<<"$said" | tail -n 1)"
    case $said in *"$1"*) ;; *) echo "CHANGED: no '$1'"; exit 1 ;; esac
}
sed 's/^/only: /' "$dir/only/zorg/index.html"
expect "Would install zorg-2.0a1" pip only
expect "(from versions: 2.0a1)" pip beside
expect "zorg==2.0a1" uv only
expect "zorg==2.0a1" uv beside
echo "still so: a yanked final release keeps pip from the pre-releases, and uv not"
