#!/usr/bin/env bash
# Surprising: dparse 0.6.4 (what "safety" reads files with) gives a requirement the index of the last option line *above*
# it, and lets --extra-index-url replace --index-url. For pip both options hold for the whole file, wherever they stand,
# and add up. The same three requirements are said to have no index, the extra one, or the main one by their place.
# Matters to the guard: a scanner built on it asks another index than pip does; its answer proves nothing about ours.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
PATH=$dir/venv/bin:$PATH
pip install -q pip==26.2 dparse==0.6.4
unset "${!PIP_@}"
export PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1
pip list --format freeze | grep -e '^pip=' -e '^dparse='

cat >"$dir/requirements.txt" <<'REQUIREMENTS'
six==1.17.0
--index-url https://packages.corp.example/simple/
idna==3.10
--extra-index-url https://public.example/simple/
certifi==2025.1.31
REQUIREMENTS
seen=$(cd "$dir" && python -W ignore -c 'import dparse
for dependency in dparse.parse(open("requirements.txt").read(), file_type="requirements.txt").dependencies:
    print(dependency.name, dependency.index_server)')
echo "$seen"
# How pip itself reads the file: one finder for all of it.
pip_reads=$(cd "$dir" && python -c 'from pip._internal.index.package_finder import PackageFinder
from pip._internal.index.collector import LinkCollector
from pip._internal.models.search_scope import SearchScope
from pip._internal.models.selection_prefs import SelectionPreferences
from pip._internal.network.session import PipSession
from pip._internal.req.req_file import parse_requirements
session = PipSession()
collector = LinkCollector(session, SearchScope.create(find_links=[], index_urls=[], no_index=False))
finder = PackageFinder.create(link_collector=collector, selection_prefs=SelectionPreferences(allow_yanked=False))
list(parse_requirements("requirements.txt", session=session, finder=finder))
print(*finder.index_urls)')
echo "pip asks for each of them: $pip_reads"
[ "$seen" = "six None
idna https://packages.corp.example/simple/
certifi https://public.example/simple/" ] || { echo "CHANGED: the indexes of dparse"; exit 1; }
[ "$pip_reads" = "https://packages.corp.example/simple/ https://public.example/simple/" ] || { echo "CHANGED: pip's"; exit 1; }
echo "still so: an index line counts for those below it, the last one alone"
