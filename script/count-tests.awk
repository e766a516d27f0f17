# Reads the verbose output of ctest and prints `passed failed skipped`: cmocka's cases where a program reports them, one for
# the test where it does not. Names of failed tests go to standard error.
{
    id = ""
    if (match($0, /^[0-9]+: /)) { id = substr($0, 1, RLENGTH - 2) + 0 }
}
id != "" && match($0, /\[  PASSED  \] [0-9]+ test/) { split(substr($0, RSTART), w, " "); pass[id] += w[4]; seen[id] = 1 }
id != "" && match($0, /\[  SKIPPED \] [0-9]+ test/) { split(substr($0, RSTART), w, " "); skip[id] += w[4]; seen[id] = 1 }
id != "" && match($0, /\[  FAILED  \] [0-9]+ test/) { split(substr($0, RSTART), w, " "); fail[id] += w[4]; seen[id] = 1 }
id != "" && match($0, /\[       OK \] /) { ok[id]++ }
id != "" && match($0, /skipped: [0-9]+$/) { split(substr($0, RSTART), w, " "); cases[id] += w[2] }
id == "" && match($0, /Test +#[0-9]+: /) {
    n = substr($0, RSTART, RLENGTH); gsub(/[^0-9]/, "", n); n += 0
    if (!/Passed|Failed|Skipped|Timeout|Exception|Not Run/) next
    name = $0; sub(/.*Test +#[0-9]+: /, "", name); sub(/ .*/, "", name)
    bad = !/Passed|Skipped/
    if (seen[n]) {
        passed += pass[n]; failed += fail[n]; skipped += skip[n]
        if (bad && !fail[n]) failed++        # every case passed, and the program still ended badly: a leak, a crash at exit
    } else if (/Skipped/) skipped++
    else if (bad) { failed++; passed += ok[n] }
    else passed++
    skipped += cases[n]
    if (bad) print "failed: " name > "/dev/stderr"
    total++
}
END { print passed + 0, failed + 0, skipped + 0; exit total == 0 }
