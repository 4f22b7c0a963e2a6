#!/usr/bin/env bash
# Surprising: cyclonedx-py 7.5.0 ("requirements") reads "-c constraints.txt" as it reads "-r": each line of a constraints
# file becomes a component of the bill of materials, though pip installs none of them unless something else asks for it.
# Constraints hold what an organisation forbids or caps for all machines; the bill says that all of it is in the product.
# Matters to the guard: whoever compares such a bill with the audit log finds components that no run ever chose.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
PATH=$dir/venv/bin:$PATH
pip install -q pip==26.2 cyclonedx-bom==7.5.0
pip download -q --no-deps -d "$dir/wheels" six==1.17.0
unset "${!PIP_@}"
export PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1
pip list --format freeze | grep -e '^pip=' -e '^cyclonedx-bom='

printf 'six==1.17.0\n-c constraints.txt\n' >"$dir/requirements.txt"
printf 'idna==3.10\ncertifi<2020\n' >"$dir/constraints.txt"

pip install -q --dry-run --ignore-installed --no-index --find-links "$dir/wheels" -r "$dir/requirements.txt" --report "$dir/report.json"
installs=$(python -c 'import json, sys
print(*sorted(item["metadata"]["name"] for item in json.load(open(sys.argv[1]))["install"]))' "$dir/report.json")
components=$(cyclonedx-py requirements "$dir/requirements.txt" 2>"$dir/words" | python -c 'import json, sys
print(*sorted(component["name"] for component in json.load(sys.stdin)["components"]))')
echo "pip would install: $installs"
echo "components of the bill: $components"
[ "$installs" = six ] || { echo "CHANGED: pip installs $installs"; exit 1; }
[ "$components" = "certifi idna six" ] || { echo "CHANGED: the bill's components"; exit 1; }
! grep -q idna "$dir/words" || { echo "CHANGED: a word about the pinned constraint"; exit 1; }
echo "still so: what is only constrained is a component"
