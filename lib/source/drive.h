// Gives a parser without input and output what it asks for, from a source of random access.
#ifndef TENSORGATE_SOURCE_DRIVE_H_
#define TENSORGATE_SOURCE_DRIVE_H_

#include "lib/base/need.h"
#include "lib/source/read.h"

namespace tensorgate::internal {

/// `parser.Next()` is what it wants, `parser.Filled(count)` says that it is there, `interrupt` is
/// asked before each read. Then asks the source whether it is still the same.
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
