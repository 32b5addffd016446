# Sets TENSORGATE_BOOST_JSON to the target to link: Boost's own, or one built from its headers.
#
# The static library must not contain Boost's code itself: an application that includes it, too, would have every
# function twice. So the one built here is for builds that are not installed: fuzzing, sanitizers, 32 bits.
include_guard(DIRECTORY)

if(TENSORGATE_BOOST_SOURCE)
  find_path(TENSORGATE_BOOST_INCLUDE boost/json/src.hpp REQUIRED)
  mark_as_advanced(TENSORGATE_BOOST_INCLUDE)
  file(GENERATE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/boost_json.cc"
    CONTENT "#include <boost/json/src.hpp>\n")
  add_library(tensorgate_boost_json STATIC "${CMAKE_CURRENT_BINARY_DIR}/boost_json.cc")
  target_include_directories(tensorgate_boost_json SYSTEM PUBLIC "${TENSORGATE_BOOST_INCLUDE}")
  target_compile_definitions(tensorgate_boost_json PUBLIC
    BOOST_ALL_NO_LIB BOOST_JSON_STATIC_LINK BOOST_CONTAINER_STATIC_LINK)
  target_compile_features(tensorgate_boost_json PUBLIC cxx_std_23)
  set_target_properties(tensorgate_boost_json PROPERTIES POSITION_INDEPENDENT_CODE ON)
  set(TENSORGATE_BOOST_JSON tensorgate_boost_json)
else()
  if(NOT BUILD_SHARED_LIBS AND NOT DEFINED Boost_USE_STATIC_LIBS)
    set(Boost_USE_STATIC_LIBS ON)
  endif()
  find_package(Boost 1.81 REQUIRED CONFIG COMPONENTS json)
  set(TENSORGATE_BOOST_JSON Boost::json)
  if(BUILD_SHARED_LIBS AND NOT WIN32)
    # Without the macros of dynamic linking, which mean nothing here: so that shared and static are compiled alike, and
    # a compiler cache serves both.
    add_library(tensorgate_boost_json INTERFACE)
    get_target_property(boost_include Boost::headers INTERFACE_INCLUDE_DIRECTORIES)
    target_include_directories(tensorgate_boost_json SYSTEM INTERFACE "${boost_include}")
    target_compile_definitions(tensorgate_boost_json INTERFACE BOOST_CONTAINER_NO_LIB BOOST_JSON_NO_LIB)
    target_link_libraries(tensorgate_boost_json INTERFACE $<LINK_ONLY:Boost::json>)
    set(TENSORGATE_BOOST_JSON tensorgate_boost_json)
  endif()
endif()
