// How far arbitrary bytes can be read as a pickle: for searching files that may hide one.
//
//   const pickle::Reach reach = pickle::ReachOf(bytes, place, {});
//   if (reach.names && reach.calls && reach.stopped) …
//
// Opcodes of every protocol are followed by CPython's rules for stack and marks: nothing can be
// taken from an empty stack or from below a mark. It does not check whether memo entries exist or
// objects have the right types. It decides nothing: prose, random bytes and headers of other
// formats can be read as a pickle for a while, but prose does not use a name and then call it.
#ifndef TENSORGATE_CONTAINERS_PICKLE_REACH_H_
#define TENSORGATE_CONTAINERS_PICKLE_REACH_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tensorgate::pickle {

struct Reach {
  std::size_t end = 0;  ///< After the STOP; otherwise the opcode that cannot be read or executed.
  std::size_t opcodes = 0;  ///< Number of opcodes up to there.
  std::size_t plain = 0;  ///< Those whose argument is not a line; any line can be such an argument.
  bool stopped = false;
  bool cut = false;     ///< The bytes end first.
  bool names = false;   ///< A plausible module and name were used.
  bool calls = false;   ///< After that, something is called or created.
  bool binary = false;  ///< There is an opcode that is not an ASCII character.
};

/// Limits that keep walks from many places linear in the number of bytes.
struct ReachLimits {
  /// Maximum length of a line; a longer one ends the bytes.
  std::size_t line = 1000;
  std::size_t opcodes = SIZE_MAX;  ///< Maximum number of opcodes of a walk.
  /// One bit per byte: opcodes that a walk has read are marked, and a walk ends when it reaches a
  /// marked one.
  std::vector<bool>* passed = nullptr;
};

/// Walks from `begin` on. After a call it assumes that any items are on the stack: the walk need
/// not start where the pickle does. Throws std::bad_alloc.
Reach ReachOf(std::span<const std::byte> bytes, std::size_t begin, const ReachLimits& limits);

/// True for letters, digits, underscores and dots, or bytes beyond ASCII.
bool IsName(std::string_view text);

}  // namespace tensorgate::pickle

#endif  // TENSORGATE_CONTAINERS_PICKLE_REACH_H_
