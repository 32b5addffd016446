// What was taken from a PyTorch checkpoint that was refused, and what was left out: see extract.h.
//
//   auto extracted = tensorgate::Extract("last.ckpt");
//   if (!extracted) return;
//   for (const tensorgate::Extraction& part : extracted->parts) {
//     for (const tensorgate::ExtractionEntry& entry : part.entries) {
//       if (entry.outcome != tensorgate::Outcome::kLeftOut) continue;
//       std::puts(tensorgate::EscapeForText(entry.name + ": " + entry.reason).c_str());
//     }
//   }
#ifndef TENSORGATE_EXTRACTION_H_
#define TENSORGATE_EXTRACTION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tensorgate/export.h"
#include "tensorgate/report.h"

namespace tensorgate {

enum class Outcome : std::uint8_t {
  kTaken,     ///< Reached through containers of known types only.
  kAsStored,  ///< Stored in an object of a foreign class, which may treat it differently.
  kLeftOut,
};
TENSORGATE_API std::string_view Name(Outcome outcome);  ///< "taken", "as-stored", "left-out"

/// Texts are raw and untrusted: see render.h.
struct ExtractionEntry {
  std::string name;  ///< The tensor's path.
  Outcome outcome = Outcome::kLeftOut;
  std::string holder;        ///< As stored: the class that holds it: "module.Class".
  std::string reason;        ///< Left out: why.
  std::uint64_t offset = 0;  ///< Offset in the file of the opcode that creates it.
  std::string dtype;         ///< PyTorch's name; empty if it is not known to be a tensor.
  std::vector<std::uint64_t> shape;
};

/// What was found in one file.
struct Extraction {
  std::string name;  ///< The file's name, as in an index; empty if it is not a shard.
  Report source;     ///< The file's report by the strict profile.
  /// In the order of the file; the tensors of an accepted file are not listed.
  std::vector<ExtractionEntry> entries;
  std::uint64_t taken = 0, as_stored = 0, left_out = 0;
  /// Further names of the tensors that are not listed, because there are too many.
  std::uint64_t names_dropped = 0;
  std::vector<std::byte> pickle;  ///< The pickle that the tensors come from.

  bool accepted() const { return source.verdict() == Verdict::kAccepted; }
};

/// The counts of several files.
struct ExtractionCounts {
  std::uint64_t taken = 0, as_stored = 0, left_out = 0, names_dropped = 0;
  void Add(const Extraction& part) {
    taken += part.taken;
    as_stored += part.as_stored;
    left_out += part.left_out;
    names_dropped += part.names_dropped;
  }
};

}  // namespace tensorgate

#endif  // TENSORGATE_EXTRACTION_H_
