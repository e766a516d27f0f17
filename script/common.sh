# Shared by the scripts of this folder; sourced, from the root of the repository.

# Ninja where it is installed, make where not; a build folder keeps the generator it was made with.
if [ -z "${CMAKE_GENERATOR:-}" ] && command -v ninja >/dev/null 2>&1; then
  export CMAKE_GENERATOR=Ninja
fi
jobs=$(nproc 2>/dev/null || echo 2)
if [ -z "${CMAKE_BUILD_PARALLEL_LEVEL:-}" ]; then
  export CMAKE_BUILD_PARALLEL_LEVEL="$jobs"
fi

# build PRESET [CONFIGURE_OPTION...]: configures and builds build/PRESET; quiet unless it fails.
build() {
  preset=$1
  shift
  mkdir -p build
  if ! { cmake --preset "$preset" "$@" && cmake --build --preset "$preset" -j "$jobs"; } >"build/$preset.log" 2>&1; then
    grep -E -A3 'error:|CMake Error' "build/$preset.log" | cut -c 1-200 | head -30 >&2 || tail -40 "build/$preset.log" >&2
    echo "$0: the build \"$preset\" failed; all of it is in build/$preset.log" >&2
    return 1
  fi
}
