#!/bin/sh
# Compiles every whole program (a ```c block with `int main`) of the given pages; one whose fence says `c run` or that
# follows a line `<!-- run -->` is run as well, and must end with status 0.
# Usage: snippets.sh run|compile COMPILER LINK_FLAGS PAGE...   (LINK_FLAGS is one argument, split at spaces;
# `compile` runs nothing, for a build without the libraries that a page may use)
set -eu
mode=$1 compiler=$2 flags=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for page in "$@"; do
  [ -f "$page" ] || continue
  awk -v base="$work/$(basename "$page" .md)" '
    /^[ \t]*```/ && inside { inside = 0; if (program) { n++; name = base "_" n (run ? "_run" : "") ".c"
                             printf "%s", text > name; close(name) } next }
    /^[ \t]*```c([ \t].*)?$/ && !inside { inside = 1; text = ""; program = 0; run = marked || /[ \t]run/; marked = 0; next }
    /^[ \t]*```/ { skip = !skip; next }
    inside { text = text $0 "\n"; if (/int main/) program = 1; next }
    /<!-- run -->/ { marked = 1; next }
    NF { marked = 0 }
  ' "$page"
done
failed=0 count=0 ran=0
for program in "$work"/*.c; do
  [ -f "$program" ] || continue
  name=$(basename "$program" .c)
  count=$((count + 1))
  # shellcheck disable=SC2086 # the flags are a list
  if ! "$compiler" -std=c11 -Wall -Wextra -Wpedantic -Werror "$program" -o "$work/$name" $flags; then
    echo "$name does not compile"
    failed=$((failed + 1))
    continue
  fi
  case $mode:$name in
    run:*_run)
      ran=$((ran + 1))
      (cd "$work" && "./$name") || { echo "$name fails"; failed=$((failed + 1)); } ;;
  esac
done
echo "$count programs compiled, $ran run, $failed failed"
[ "$failed" -eq 0 ]
