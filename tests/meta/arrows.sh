#!/bin/sh
# Reads the #include lines of a tree's src/ and include/ and fails where a folder reaches against the design's arrows.
# Usage: arrows.sh ROOT
set -eu
cd "$1"
folders="src"
[ -d include ] && folders="src include"
# shellcheck disable=SC2086 # a list of two words
grep -rnE --include='*.[ch]' '^[[:space:]]*#[[:space:]]*include' $folders | awk '
BEGIN {
    # A folder may include itself, its equals and what stands after it.
    level["cli"] = 9; level["callbacks"] = 8; level["saving"] = 7; level["models"] = 6; level["layers"] = 5
    n = split("activations losses metrics optimizers initializers regularizers constraints data datasets utils", same, " ")
    for (i = 1; i <= n; i++) level[same[i]] = 4
    level["ops"] = 3; level["graph"] = 2; level["kernels"] = 1; level["core"] = 0
    # Public headers: cornu.h is everything; one that is named as a folder is that folder; the others belong to core.
    level["cornu.h"] = 9
    level["schedules"] = 4; level["plot"] = 4; level["function"] = 6; level["training"] = 6
}
# The folder that a file stands for: src/kernels/cpu/add.c is kernels, include/cornu/layers.h is layers.
function folder(path,    part) {
    if (path ~ /^(include\/)?cornu\.h$/) return "cornu.h"
    if (sub(/^include\/cornu\//, "", path) || sub(/^cornu\//, "", path)) {
        sub(/\.h$/, "", path)
        if (path == "callbacks") return "core"              # the record by which the trainer calls callbacks is shared by all
        sub(/_.*$/, "", path)                               # layers_conv.h is a part of layers.h
        return path in level ? path : "core"
    }
    sub(/^src\//, "", path)
    split(path, part, "/")
    return part[1]
}
# The file that a quoted include names: beside the including file if there is one, else under src/.
function resolve(file, target,    path, line, found) {
    path = file
    sub(/[^\/]*$/, "", path)
    path = path target
    while (sub(/[^\/]+\/\.\.\//, "", path)) { }
    found = (getline line < path) >= 0
    close(path)
    return found ? path : target
}
{
    split($0, at, ":")
    file = at[1]; line = at[2]
    if (!match($0, /["<][^">]+[">]/)) next
    target = substr($0, RSTART + 1, RLENGTH - 2)
    quoted = substr($0, RSTART, 1) == "\""
    public = target ~ /^cornu(\.h$|\/)/
    if (!public && !quoted) next                          # a system header
    checked++
    from = folder(file)
    if (!(from in level)) { print file ":" line ": folder \"" from "\" has no place in the design"; bad++; next }
    to = folder(public ? target : resolve(file, target))
    if (!(to in level)) { print file ":" line ": cannot place " target; bad++; next }
    if (level[to] > level[from]) { print file ":" line ": " from " reaches against the arrows to " to " (" target ")"; bad++ }
}
END {
    print checked + 0 " includes read, " bad + 0 " against the arrows"
    exit bad + 0 > 0
}'
