# GoogleTest from the distribution's sources, so that sanitizers and -m32 apply to it; otherwise its built package.
include_guard(GLOBAL)

set(TENSORGATE_GOOGLETEST_SOURCE /usr/src/googletest CACHE PATH "GoogleTest's sources")
if(EXISTS "${TENSORGATE_GOOGLETEST_SOURCE}/CMakeLists.txt")
  set(INSTALL_GTEST OFF CACHE BOOL "" FORCE)
  set(BUILD_GMOCK ON CACHE BOOL "" FORCE)
  add_subdirectory("${TENSORGATE_GOOGLETEST_SOURCE}" "${PROJECT_BINARY_DIR}/googletest"
    EXCLUDE_FROM_ALL SYSTEM)
  foreach(name IN ITEMS gtest gtest_main gmock gmock_main)
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    if(NOT TARGET GTest::${name})
      add_library(GTest::${name} ALIAS ${name})
    endif()
  endforeach()
else()
  find_package(GTest REQUIRED)
endif()
