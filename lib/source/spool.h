// The bytes of a stream, kept in an unnamed temporary file, for formats that are judged from their
// end.
#ifndef TENSORGATE_SOURCE_SPOOL_H_
#define TENSORGATE_SOURCE_SPOOL_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "lib/source/descriptor.h"
#include "lib/source/store.h"
#include "tensorgate/source.h"
#include "tensorgate/status.h"

namespace tensorgate::internal {

class Spool {
 public:
  /// Creates the file with the first bytes. After a failure all later calls fail, too.
  Result<void> Append(std::span<const std::byte> bytes);
  std::uint64_t size() const { return size_; }
  /// A source of the appended bytes; the spool must outlive it.
  Result<std::unique_ptr<Source>> Open() const;

 private:
  Descriptor file_;
  std::uint64_t size_ = 0;
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SOURCE_SPOOL_H_
