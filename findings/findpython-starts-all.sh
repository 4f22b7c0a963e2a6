#!/usr/bin/env bash
# Surprising: findpython 0.9.0, asked for the first Python of one version, starts every Python that it can find before
# it answers, and each that fits three times. One interpreter under three names in one folder of PATH (python3.X and
# the two symlinks that each installation has) is three interpreters for it, and nine processes.
# Matters to the guard: to find the interpreters of a machine is to run each of them, start-up hooks and all, with
# pyenv's shims among them; who looks for them counts processes and gives each one its own time-out.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q findpython==0.9.0
"$dir/venv/bin/pip" list 2>/dev/null | grep findpython

# The interpreter: a script that notes each start and then is the real one. Nothing else is on PATH.
minor=$(python3 -c 'import sys; print(sys.version_info[1])')
real=$(python3 -c 'import sys; print(sys._base_executable)')
mkdir "$dir/bin" "$dir/home"
cat >"$dir/bin/python3.$minor" <<SH
#!/bin/sh
echo "\${0##*/}" >>"$dir/starts"
exec "$real" "\$@"
SH
chmod +x "$dir/bin/python3.$minor"
for name in python python3; do ln -s "python3.$minor" "$dir/bin/$name"; done

ask() { # EXPRESSION: what it gives, in a new process, and how often each name was started
    : >"$dir/starts"
    found=$(env -i PATH="$dir/bin" HOME="$dir/home" "$dir/venv/bin/python" -c "import findpython; print($1)")
    starts=$(sort "$dir/starts" | uniq -c | tr -s ' \n' ' ')
    echo "$1: $found; starts:$starts"
}
three=" 3 python 3 python3 3 python3.$minor "
ask "findpython.find(3, $minor).name"
[ "$starts" = "$three" ] || { echo "CHANGED: asked for one, it does not start all three, three times each"; exit 1; }
ask "findpython.find(3, $((minor + 50)))"
[ "$found;$starts" = "None;${three//3 p/1 p}" ] || { echo "CHANGED: for none, it does not start each once"; exit 1; }
ask "len(findpython.find_all())"
[ "$found;$starts" = "3;$three" ] || { echo "CHANGED: the three names of one file are not three interpreters"; exit 1; }
echo "still so: one interpreter under three names is started for each name, again and again"
