// Mutations that need not know JSON: lengths, the data, the header's ends, single bytes.
#ifndef TENSORGATE_TESTS_SIDE_BY_SIDE_BYTE_MUTATIONS_H_
#define TENSORGATE_TESTS_SIDE_BY_SIDE_BYTE_MUTATIONS_H_

#include "mutator.h"

namespace tensorgate::mutator {

/// The length that the file announces.
void ChangeLength(Parts& parts, Random& random);
/// More or fewer bytes of data.
void ChangeData(Parts& parts, Random& random);
/// Before the header's first byte and behind its last.
void ChangeEnds(Parts& parts, Random& random);
void ChangeByte(Parts& parts, Random& random);

}  // namespace tensorgate::mutator

#endif  // TENSORGATE_TESTS_SIDE_BY_SIDE_BYTE_MUTATIONS_H_
