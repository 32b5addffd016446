// Reads what a parser without input and output requests, from a source with random access.
#ifndef TENSORGATE_SOURCE_DRIVE_H_
#define TENSORGATE_SOURCE_DRIVE_H_

#include "lib/base/need.h"
#include "lib/source/read.h"

namespace tensorgate::internal {

/// `parser.Next()` says what it needs, `parser.Filled(count)` passes on the number of bytes read.
/// `interrupt` is checked before each read. Finally asks the source whether it has changed.
template <typename Parser>
Result<void> Drive(Parser& parser, Source& source, Interrupt& interrupt) {
  for (Need need = parser.Next(); !need.into.empty(); need = parser.Next()) {
    if (Result<void> read = ReadFully(source, need.offset, need.into, interrupt); !read)
      return read;
    parser.Filled(need.into.size());
  }
  return source.CheckUnchanged();
}

template <typename Parser>
Result<void> Drive(Parser& parser, Source& source) {
  Interrupt never;
  return Drive(parser, source, never);
}

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SOURCE_DRIVE_H_
