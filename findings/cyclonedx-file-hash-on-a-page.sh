#!/usr/bin/env bash
# Surprising: for a requirement with --hash, cyclonedx-py 7.5.0 writes the hashes of the files to the reference of the
# *index page* of the project, once for each configured index: a page that changes daily is given the SHA-256 of a wheel
# and that of an sdist at once, and both indexes are named as where the file comes from, asked or not.
# In CycloneDX these are digests of what the reference leads to: no download of that page can ever match them.
# Matters to the guard: such a bill does not tell which index a file came from; only what chose the file can.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
PATH=$dir/venv/bin:$PATH
pip install -q cyclonedx-bom==7.5.0
pip list --format freeze --disable-pip-version-check | grep -e '^cyclonedx-bom='

wheel=$(printf wheel | sha256sum | cut -d' ' -f1)
sdist=$(printf sdist | sha256sum | cut -d' ' -f1)
cat >"$dir/requirements.txt" <<REQUIREMENTS
--index-url https://packages.corp.example/simple/
--extra-index-url https://public.example/simple/
six==1.17.0 --hash=sha256:$wheel --hash=sha256:$sdist
REQUIREMENTS
seen=$(cyclonedx-py requirements "$dir/requirements.txt" 2>/dev/null | python -c 'import json, sys
for reference in json.load(sys.stdin)["components"][0]["externalReferences"]:
    print(reference["type"], reference["url"], *sorted(entry["content"][:8] for entry in reference["hashes"]))')
echo "$seen"
both=$(printf '%s\n' "${wheel:0:8}" "${sdist:0:8}" | sort | xargs)
wanted="distribution https://packages.corp.example/simple/six/ $both
distribution https://public.example/simple/six/ $both"
[ "$seen" = "$wanted" ] || { echo "CHANGED: the references"; exit 1; }
echo "still so: two index pages, each with the hashes of two files"
