// Digests of what files hold, whatever the form in which they hold it.
#ifndef TENSORGATE_DIGEST_CONTENT_HASH_H_
#define TENSORGATE_DIGEST_CONTENT_HASH_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tensorgate/save.h"

namespace tensorgate {

struct ContentHash {
  /// SHA-256 of the bytes of each tensor, as given.
  std::vector<std::string> tensors;
  /// SHA-256 of the lines that HashLine makes of the tensors, each with a line feed, sorted by the bytes
  /// of their names: the same for every order, header, metadata and number of shards.
  std::string content;
};

/// Reads all data once, in the order given. Tensors in memory or in sources; others are `save/misuse`. Throws
/// std::bad_alloc.
Result<ContentHash> HashContent(std::span<const TensorData> tensors);

/// `SHA256 DTYPE [2,3] "name"`: the name as a JSON string in ASCII.
std::string HashLine(const TensorData& tensor, const std::string& sha256);

/// Numbers of the tensors, sorted by the bytes of their names.
std::vector<std::uint32_t> SortedByName(std::span<const TensorData> tensors);

}  // namespace tensorgate

#endif  // TENSORGATE_DIGEST_CONTENT_HASH_H_
