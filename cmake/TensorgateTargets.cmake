# tensorgate_options(TARGET): warnings, hidden symbols and hardening for a target of this project.
include_guard(GLOBAL)
include(CheckPIESupported)
check_pie_supported(LANGUAGES CXX)

# g++ 12 warns about an impossible copy (GCC bug 105651), and about designated initializers that leave the other members
# at
# their defaults, which is what they are for.
set(TENSORGATE_QUIET "$<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict;-Wno-missing-field-initializers>")

function(tensorgate_options target)
  target_compile_features(${target} PUBLIC cxx_std_23)
  # Files above 2 GiB on 32 bits.
  target_compile_definitions(${target} PRIVATE _FILE_OFFSET_BITS=64)
  set_target_properties(${target} PROPERTIES
    CXX_EXTENSIONS OFF
    CXX_VISIBILITY_PRESET hidden
    C_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE ON)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wno-missing-field-initializers -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
    -Wnon-virtual-dtor -Wcast-qual -Wformat=2 -Wundef
    $<$<CXX_COMPILER_ID:Clang>:-Wimplicit-fallthrough -Wthread-safety -Wshorten-64-to-32>
    "${TENSORGATE_QUIET}"
    $<$<BOOL:${TENSORGATE_WERROR}>:-Werror>)
  if(TENSORGATE_HARDENED AND NOT TENSORGATE_SANITIZE)
    tensorgate_harden(${target})
  elseif(TENSORGATE_SANITIZE)
    target_compile_definitions(${target} PRIVATE _GLIBCXX_ASSERTIONS)
  endif()
endfunction()

# FORTIFY needs optimization, and sanitizers have their own interceptors.
function(tensorgate_harden target)
  set(optimised "$<CONFIG:Release,RelWithDebInfo,MinSizeRel>")
  target_compile_definitions(${target} PRIVATE _GLIBCXX_ASSERTIONS)
  target_compile_options(${target} PRIVATE
    -fstack-protector-strong
    $<${optimised}:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>)
  get_target_property(type ${target} TYPE)
  if(NOT type STREQUAL "STATIC_LIBRARY" AND NOT type STREQUAL "OBJECT_LIBRARY")
    target_link_options(${target} PRIVATE -Wl,-z,relro,-z,now,-z,noexecstack)
  endif()
endfunction()

# Only base/, source/ and capi/ may access raw bytes; clang enforces that elsewhere.
function(tensorgate_no_raw_bytes)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 16)
    set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS
      "-Wunsafe-buffer-usage;-Werror=unsafe-buffer-usage")
  endif()
endfunction()
