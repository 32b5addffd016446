// Mutations that do not depend on JSON: lengths, the data, both ends of the header, single bytes.
#ifndef TENSORGATE_TESTS_SIDE_BY_SIDE_BYTE_MUTATIONS_H_
#define TENSORGATE_TESTS_SIDE_BY_SIDE_BYTE_MUTATIONS_H_

#include "mutator.h"

namespace tensorgate::mutator {

/// Changes the length field of the file.
void ChangeLength(Parts& parts, Random& random);
/// More or fewer bytes of data.
void ChangeData(Parts& parts, Random& random);
/// Inserts before the header's first byte or after its last.
void ChangeEnds(Parts& parts, Random& random);
void ChangeByte(Parts& parts, Random& random);

}  // namespace tensorgate::mutator

#endif  // TENSORGATE_TESTS_SIDE_BY_SIDE_BYTE_MUTATIONS_H_
