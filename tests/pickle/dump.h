// A value tree as one line of text, the same for equal trees, for the comparison with PyTorch.
#ifndef TENSORGATE_TESTS_PICKLE_DUMP_H_
#define TENSORGATE_TESTS_PICKLE_DUMP_H_

#include <string>

#include "lib/containers/pickle/value.h"
#include "lib/formats/torch/rebuild.h"

namespace tensorgate::test {

/// The grammar is that of dump() in compare_with_torch.py. Shared parts are written repeatedly, so
/// it is for small pickles.
std::string Dump(const pickle::Values& values, const torch::internal::Rebuild& rebuild,
                 const pickle::Value& value);

}  // namespace tensorgate::test

#endif  // TENSORGATE_TESTS_PICKLE_DUMP_H_
