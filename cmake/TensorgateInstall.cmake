# Install rules: library, headers, CMake package, pkg-config file, command.
include_guard(GLOBAL)
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

if(TENSORGATE_BOOST_SOURCE)
  message(FATAL_ERROR "A build with TENSORGATE_BOOST_SOURCE cannot be installed: set TENSORGATE_INSTALL=OFF")
endif()

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/tensorgate")
install(TARGETS tensorgate EXPORT tensorgate_targets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/lib/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  FILES_MATCHING PATTERN "*.h" PATTERN "*.def" PATTERN "digest.h" EXCLUDE)
install(EXPORT tensorgate_targets NAMESPACE tensorgate:: FILE tensorgateTargets.cmake
  DESTINATION "${package_dir}")

# find_package(tensorgate COMPONENTS digest)
set(TENSORGATE_PACKAGE_DIGEST OFF)
if(TARGET tensorgate_digest)
  set(TENSORGATE_PACKAGE_DIGEST ON)
  install(TARGETS tensorgate_digest EXPORT tensorgate_digest_targets
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
  install(FILES "${PROJECT_SOURCE_DIR}/lib/include/tensorgate/digest.h"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/tensorgate")
  install(EXPORT tensorgate_digest_targets NAMESPACE tensorgate:: FILE tensorgateDigestTargets.cmake
    DESTINATION "${package_dir}")
endif()

get_target_property(library_type tensorgate TYPE)
if(library_type STREQUAL "STATIC_LIBRARY")
  set(TENSORGATE_PACKAGE_STATIC ON)
  # Boost.JSON 1.81 depends on Boost.Container; a linker that does not need it drops it.
  set(TENSORGATE_PC_LIBS "-L\${libdir} -ltensorgate -lboost_json -lboost_container -lstdc++ -pthread")
else()
  set(TENSORGATE_PACKAGE_STATIC OFF)
  set(TENSORGATE_PC_LIBS "-L\${libdir} -ltensorgate")
endif()
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/tensorgateConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/tensorgateConfig.cmake" INSTALL_DESTINATION "${package_dir}")
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/tensorgateConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/tensorgateConfig.cmake"
  "${PROJECT_BINARY_DIR}/tensorgateConfigVersion.cmake" DESTINATION "${package_dir}")

configure_file("${CMAKE_CURRENT_LIST_DIR}/tensorgate.pc.in" "${PROJECT_BINARY_DIR}/tensorgate.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/tensorgate.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

if(TARGET tensorgate_cli)
  install(TARGETS tensorgate_cli RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()
