#!/usr/bin/env bash
# Surprising: one --hash in a constraints file puts the whole run of pip 26.3 into hash-checking mode, even where the
# line is about a project that nobody asks for. "pip install six" then fails because six has no pin, and "six==1.17.0"
# because it has no hash; both messages name six, neither names the line in the constraints file that did it.
# Matters to the guard: a constraints file is what an organisation hands to all its machines. A refusal of this kind
# is pip's own, also after the guard has let a file pass: neither policy nor index is at fault, and no hint may say so.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
PATH=$dir/venv/bin:$PATH
pip install -q pip==26.3
pip download -q --no-deps -d "$dir/wheels" six==1.17.0 idna==3.10
unset "${!PIP_@}"
export PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1
pip --version | cut -d' ' -f1,2

echo "idna==3.10" >"$dir/plain.txt"
echo "idna==3.10 $(pip hash "$dir"/wheels/idna-*.whl | grep -e --hash)" >"$dir/hashed.txt"

expect() { # WORDS CONSTRAINTS REQUIREMENT: pip's answer must hold the words
    said=$(pip install --dry-run --no-index --find-links "$dir/wheels" -c "$dir/$2" "$3" 2>&1) && code=0 || code=$?
    echo "-c $2 $3: exit $code, $(grep -e ERROR -e Would <<<"$said" | head -n 1)"
    case $said in *"$1"*) ;; *) echo "CHANGED: no '$1'"; exit 1 ;; esac
    case $said in *idna*) echo "CHANGED: the message names the constraint"; exit 1 ;; esac
}
expect "Would install six-1.17.0" plain.txt six
expect "must have their versions pinned" hashed.txt six
expect "Hashes are required" hashed.txt six==1.17.0
echo "still so: a hash for idna among the constraints stops an install of six"
