# Compiler flags that every object of the project shares.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug, RelWithDebInfo or MinSizeRel" FORCE)
  endif()
  set(CMAKE_C_FLAGS_RELEASE "-O3 -g -DNDEBUG")
  # The build folder holds what a user runs, so the tool and the libraries sit at its top.
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
  set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
  set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
endif()

set(CORNU_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wwrite-strings -Wvla)
if(CORNU_WERROR)
  list(APPEND CORNU_WARNINGS -Werror)
endif()

# What library, tool, tests and benchmarks are all compiled with. Products and sums are contracted only where
# the source says so, so that one formula gives one result whatever the compiler.
add_library(cornu_flags INTERFACE)
target_compile_options(cornu_flags INTERFACE ${CORNU_WARNINGS} -ffp-contract=off)
target_compile_definitions(cornu_flags INTERFACE _POSIX_C_SOURCE=200809L)

if(CORNU_SANITIZE)
  set(sanitize -fsanitize=${CORNU_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_options(cornu_flags INTERFACE ${sanitize} -O1)
  target_link_options(cornu_flags INTERFACE ${sanitize})
endif()
