#!/bin/sh
# Checks that every line of a ```diff block in docs/*.md stands in the file that the block names, and that docs/keras.md
# lists what there is. A line of list entries, XX(…), stands in a longer line there.
# Usage: docs/check.sh
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp)
trap 'rm -f "$work"' EXIT
# One line a claim: page, line number, file, text; parted by tabs.
awk -v OFS='\t' '
  /^```diff$/ { inside = 1; file = ""; next }
  /^```/ { inside = 0; next }
  inside && /^\+\+\+ b\// { file = substr($0, 7); next }
  inside && substr($0, 2) ~ /[^ ]/ { print FILENAME, FNR, file, substr($0, 2) }
' docs/*.md >"$work"
stale=0 lines=0
tab=$(printf '\t')
while IFS=$tab read -r page number file text; do
  lines=$((lines + 1))
  case $text in
    "#define CN_"*MAP* | *XX\(*) part=$(printf '%s' "$text" | sed 's/^ *//; s/ *\\*$//') && grep -qF -- "$part" "$file" && continue ;;
    *) grep -qxF -- "$text" "$file" && continue ;;
  esac
  echo "$page:$number: not in $file: $text"
  stale=$((stale + 1))
done <"$work"
echo "$lines quoted lines, $stale stale"
python3 docs/keras.py --check || stale=$((stale + 1))
[ "$stale" -eq 0 ]
