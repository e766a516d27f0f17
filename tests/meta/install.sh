#!/bin/sh
# Installs a build into an empty folder and builds programs outside the tree: a small one and examples/own_classes.c,
# which has a class of its own of every kind, by pkg-config and by find_package, and the programs of docs/adding.md.
# `compile` runs only the small one, for a build without the libraries that the others may use.
# Usage: install.sh CMAKE BUILD_DIR COMPILER run|compile SOURCE_DIR
set -eu
cmake=$1 build=$2 compiler=$3 mode=$4 source=$5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$cmake" --install "$build" --prefix "$work/usr" >"$work/log" || { cat "$work/log"; exit 1; }
prefix=$work/usr
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name cornu.pc)")
export PKG_CONFIG_PATH
lib=$(dirname "$PKG_CONFIG_PATH")
for file in "$prefix/include/cornu.h" "$prefix/include/cornu/base.h" "$prefix/bin/cornu" "$lib/libcornu.a" "$lib/libcornu.so" \
  "$prefix/share/man/man1/cornu.1"; do
  [ -e "$file" ] || { echo "not installed: $file"; exit 1; }
done

mkdir "$work/user"
cd "$work/user"
cat >user.c <<'END'
#include <cornu.h>
#include <stdio.h>

int main(void)
{
    cn_tensor *sum = cn_add(cn_array(1.0, 2.0), 3);
    if (cn_error()) {
        fprintf(stderr, "%s\n", cn_error());
        return 1;
    }
    return sum ? 0 : 1;
}
END
# shellcheck disable=SC2046 # pkg-config gives a list
"$compiler" -std=c11 -Wall -Wextra -Wpedantic -Werror user.c -o by-pkg-config $(pkg-config --cflags --libs cornu)
LD_LIBRARY_PATH=$lib ./by-pkg-config
# shellcheck disable=SC2046
"$compiler" -std=c11 user.c -o by-pkg-config-static $(pkg-config --cflags cornu) "$lib/libcornu.a" \
  $(pkg-config --static --libs-only-other --libs-only-l cornu | sed 's/-lcornu//')
./by-pkg-config-static
cp "$source/examples/own_classes.c" .
# shellcheck disable=SC2046
"$compiler" -std=c11 -Wall -Wextra -Wpedantic -Werror own_classes.c -o own-by-pkg-config $(pkg-config --cflags --libs cornu)
[ "$mode" = compile ] || LD_LIBRARY_PATH=$lib ./own-by-pkg-config

cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(user C)
find_package(cornu 0.1 REQUIRED)
add_executable(user user.c)
target_link_libraries(user PRIVATE cornu::cornu)
add_executable(user-static user.c)
target_link_libraries(user-static PRIVATE cornu::cornu_static)
add_executable(own own_classes.c)
target_link_libraries(own PRIVATE cornu::cornu)
add_executable(own-static own_classes.c)
target_link_libraries(own-static PRIVATE cornu::cornu_static)
END
"$cmake" -S . -B out -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$compiler" >log || { cat log; exit 1; }
"$cmake" --build out >log || { cat log; exit 1; }
./out/user && ./out/user-static
[ "$mode" = compile ] || { ./out/own && ./out/own-static; }
"$prefix/bin/cornu" version >/dev/null
sh "$source/tests/meta/snippets.sh" "$mode" "$compiler" "$(pkg-config --cflags --libs cornu) -Wl,-rpath,$lib" \
  "$source/docs/adding.md"
echo "installed, and used by pkg-config and by find_package"
