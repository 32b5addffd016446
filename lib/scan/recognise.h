// Formats that no fixed signature tells. Each returns a Kind without a format where it is something
// else.
#ifndef TENSORGATE_SCAN_RECOGNISE_H_
#define TENSORGATE_SCAN_RECOGNISE_H_

#include <cstdint>
#include <string_view>

#include "lib/scan/detect.h"

namespace tensorgate::internal {

/// Of protocol 2 and later. Older ones look like anything else: see SecondReadings.
Kind RecognisePickle(std::string_view head);
/// torch.jit.load takes it for a module: its mark, and a root table that is in the file.
bool IsTorchFlatbuffer(std::string_view head, std::uint64_t size);
Kind RecogniseTar(std::string_view head);
/// ONNX and TensorFlow's saved models, by the order of their first fields.
Kind RecogniseProtobuf(std::string_view head);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SCAN_RECOGNISE_H_
