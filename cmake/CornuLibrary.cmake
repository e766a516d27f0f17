# The library: every source once as an object, the vector kernels once per instruction set, both archives from these.

file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/*.c")
file(GLOB isa_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/kernels/cpu/isa/*.c")
file(GLOB cli_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/cli/*.c")
list(FILTER sources EXCLUDE REGEX "/src/(cli|kernels/cpu/isa)/")
if(NOT CN__HAVE_ONEDNN)
  list(FILTER sources EXCLUDE REGEX "/src/kernels/onednn/")
endif()

# Instruction sets that the vector kernels are compiled for; which of them runs is decided when the program runs.
set(CORNU_ISAS plain)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$" AND CMAKE_SIZEOF_VOID_P EQUAL 8)
  set(CORNU_ISAS avx512 avx2 sse2 plain)
endif()
set(CORNU_ISA_FLAGS_avx512 -DCN__USE_VECTORS -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mprefer-vector-width=512)
set(CORNU_ISA_FLAGS_avx2 -DCN__USE_VECTORS -mavx2 -mfma)
set(CORNU_ISA_FLAGS_sse2 -DCN__USE_VECTORS)
set(CORNU_ISA_FLAGS_plain "")

# What is private to the library and its tests: where the internal headers are, and what the build has.
add_library(cornu_internal INTERFACE)
target_include_directories(cornu_internal INTERFACE "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src")
target_compile_definitions(cornu_internal INTERFACE CN__MINIMAL=$<BOOL:${CORNU_MINIMAL}>)
foreach(isa IN LISTS CORNU_ISAS)
  target_compile_definitions(cornu_internal INTERFACE CN__HAVE_ISA_${isa}=1)
endforeach()
target_link_libraries(cornu_internal INTERFACE cornu_flags cornu_dependencies)

set(objects "")
if(isa_sources)
  foreach(isa IN LISTS CORNU_ISAS)
    add_library(cornu_isa_${isa} OBJECT ${isa_sources})
    target_compile_definitions(cornu_isa_${isa} PRIVATE CN__ISA=${isa})
    # Optimised in a debug build too: unoptimised vector code would make the tests crawl.
    target_compile_options(cornu_isa_${isa} PRIVATE ${CORNU_ISA_FLAGS_${isa}})
    target_link_libraries(cornu_isa_${isa} PRIVATE cornu_internal)
    set_target_properties(cornu_isa_${isa} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    list(APPEND objects $<TARGET_OBJECTS:cornu_isa_${isa}>)
  endforeach()
  # Options of a source come after all options of its target, so this -O3 is the one that counts.
  # Instrumented kernels are for finding mistakes, not for speed: unrolled at -O3 one file alone takes clang more than a minute.
  if(CORNU_SANITIZE)
    set_source_files_properties(${isa_sources} PROPERTIES COMPILE_OPTIONS "-O1")
  else()
    set_source_files_properties(${isa_sources} PROPERTIES COMPILE_OPTIONS "-O3")
  endif()
endif()

set(CORNU_HAS_LIBRARY OFF)
set(CORNU_HAS_TOOL OFF)
if(sources)
  set(CORNU_HAS_LIBRARY ON)
  add_library(cornu_objects OBJECT ${sources})
  target_link_libraries(cornu_objects PRIVATE cornu_internal)
  set_target_properties(cornu_objects PROPERTIES POSITION_INDEPENDENT_CODE ON)
  list(APPEND objects $<TARGET_OBJECTS:cornu_objects>)

  foreach(kind shared static)
    string(TOUPPER ${kind} type)
    add_library(cornu_${kind} ${type} ${objects})
    add_library(cornu::cornu_${kind} ALIAS cornu_${kind})
    set_target_properties(cornu_${kind} PROPERTIES OUTPUT_NAME cornu LINKER_LANGUAGE C)
    target_include_directories(cornu_${kind} PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
                                                    "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
    target_link_libraries(cornu_${kind} PRIVATE $<BUILD_INTERFACE:cornu_flags>)
    target_link_libraries(cornu_${kind} PRIVATE ${CORNU_LIBRARIES})
  endforeach()
  if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    # Only what is called is loaded. Where warnings are errors, a name that nobody defines is one too, here and not in a
    # user's program; a shared library leaves the runtime of a sanitizer to the program, so not there.
    set(undefined "")
    if(CORNU_WERROR AND NOT CORNU_SANITIZE)
      set(undefined LINKER:-z,defs)
    endif()
    target_link_options(cornu_shared PRIVATE LINKER:--as-needed ${undefined})
  endif()
  set_target_properties(cornu_shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} EXPORT_NAME cornu)
  add_library(cornu::cornu ALIAS cornu_shared)
endif()

# The tool takes the library statically, so that it starts with one file fewer to find and to load.
if(cli_sources AND CORNU_HAS_LIBRARY)
  set(CORNU_HAS_TOOL ON)
  add_executable(cornu_tool ${cli_sources})
  set_target_properties(cornu_tool PROPERTIES OUTPUT_NAME cornu)
  target_link_libraries(cornu_tool PRIVATE cornu_static cornu_internal)
endif()
