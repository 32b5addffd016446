// Options with the reference profile and the default limits.
#ifndef TENSORGATE_TESTS_SIDE_BY_SIDE_OPTIONS_H_
#define TENSORGATE_TESTS_SIDE_BY_SIDE_OPTIONS_H_

#include "tensorgate/safetensors.h"

namespace tensorgate::side_by_side {

inline const CheckOptions kByReference{.profile = Profile::kReference};

}  // namespace tensorgate::side_by_side

#endif  // TENSORGATE_TESTS_SIDE_BY_SIDE_OPTIONS_H_
