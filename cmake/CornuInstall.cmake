# What `cmake --install` puts where: headers, libraries, tool, CMake package, pkg-config file, man pages.

include(CMakePackageConfigHelpers)

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
file(GLOB man_pages CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/docs/man/*.1")
install(FILES ${man_pages} DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

if(CORNU_HAS_TOOL)
  install(TARGETS cornu_tool RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()

if(CORNU_HAS_LIBRARY)
  install(TARGETS cornu_shared cornu_static EXPORT cornuTargets
          LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/cornu")
  install(EXPORT cornuTargets NAMESPACE cornu:: DESTINATION "${package_dir}")
  configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/cornuConfig.cmake.in"
                                "${PROJECT_BINARY_DIR}/cornuConfig.cmake" INSTALL_DESTINATION "${package_dir}")
  write_basic_package_version_file("${PROJECT_BINARY_DIR}/cornuConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
  install(FILES "${PROJECT_BINARY_DIR}/cornuConfig.cmake" "${PROJECT_BINARY_DIR}/cornuConfigVersion.cmake"
          DESTINATION "${package_dir}")

  # A static link needs the libraries that the shared one carries in itself.
  set(CORNU_PC_PRIVATE "")
  foreach(library IN LISTS CORNU_LIBRARIES)
    if(library STREQUAL "Threads::Threads")
      string(APPEND CORNU_PC_PRIVATE " -pthread")
    elseif(library MATCHES "/lib([^/]+)\\.(so|a|dylib)[0-9.]*$")
      string(APPEND CORNU_PC_PRIVATE " -l${CMAKE_MATCH_1}")
    else()
      string(APPEND CORNU_PC_PRIVATE " -l${library}")
    endif()
  endforeach()
  string(STRIP "${CORNU_PC_PRIVATE}" CORNU_PC_PRIVATE)
  cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_LIBDIR BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}" OUTPUT_VARIABLE CORNU_PC_LIBDIR)
  cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_INCLUDEDIR BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}" OUTPUT_VARIABLE CORNU_PC_INCLUDEDIR)
  # The prefix is told from where the .pc file lies, so that an installed tree can be moved or staged.
  cmake_path(SET pc_dir "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig")
  cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY "${pc_dir}" OUTPUT_VARIABLE CORNU_PC_PREFIX)
  configure_file("${PROJECT_SOURCE_DIR}/cmake/cornu.pc.in" "${PROJECT_BINARY_DIR}/cornu.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/cornu.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endif()
