#!/bin/sh
# Compiles each public header alone, as C11 by a C compiler or as C++17 by a C++ compiler.
# Usage: headers.sh INCLUDE_DIR c|c++ COMPILER
set -eu
include=$1 language=$2 compiler=$3
case $language in
  c) standard=c11 suffix=c ;;
  *) standard=c++17 suffix=cc ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0 count=0
for header in $(cd "$include" && find . -name '*.h' | sed 's|^\./||' | sort); do
  # Twice, so that a missing include guard is found too.
  printf '#include <%s>\n#include <%s>\n' "$header" "$header" >"$work/one.$suffix"
  "$compiler" -x "$language" -std=$standard -fsyntax-only -Wall -Wextra -Wpedantic -Werror -I"$include" "$work/one.$suffix" || {
    echo "$header does not compile alone as $standard by $compiler"
    failed=$((failed + 1))
  }
  count=$((count + 1))
done
echo "$count headers, $failed failed"
[ "$count" -gt 0 ] && [ "$failed" -eq 0 ]
