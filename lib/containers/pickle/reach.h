// How far bytes of any kind are a pickle: for a search through files that may hide one.
//
//   const pickle::Reach reach = pickle::ReachOf(bytes, place, {});
//   if (reach.names && reach.calls && reach.stopped) …
//
// Opcodes of every protocol are followed by CPython's rules for stack and marks: nothing comes from an empty stack or from
// below a mark. Whether memo entries exist and objects fit is not looked at. Nothing is decided here: prose, random bytes and
// headers of other formats are pickles for a while; a walk that reaches a name and calls it is no prose.
#ifndef TENSORGATE_CONTAINERS_PICKLE_REACH_H_
#define TENSORGATE_CONTAINERS_PICKLE_REACH_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tensorgate::pickle {

struct Reach {
  std::size_t end = 0;      ///< After the STOP; else of the opcode that cannot be read or executed.
  std::size_t opcodes = 0;  ///< Up to there.
  std::size_t plain = 0;    ///< Of them those whose argument is not a line, which any line is.
  bool stopped = false;
  bool cut = false;     ///< The bytes end first.
  bool names = false;   ///< A module and a name that can be ones.
  bool calls = false;   ///< Something is called or made after that.
  bool binary = false;  ///< An opcode that is no ASCII character.
};

/// What keeps walks from many places linear in the bytes.
struct ReachLimits {
  std::size_t line =
      1000;  ///< So far the end of a line is looked for; a longer one ends the bytes.
  std::size_t opcodes = SIZE_MAX;  ///< After so many the walk ends.
  /// A bit for each byte: opcodes that a walk went over are marked, and a walk ends where it meets a mark.
  std::vector<bool>* passed = nullptr;
};

/// From `begin` on. After a call things are taken from wherever they may lie: the walk need not begin where the pickle does.
/// Throws std::bad_alloc.
Reach ReachOf(std::span<const std::byte> bytes, std::size_t begin, const ReachLimits& limits);

/// Letters, digits, underscores and dots, or bytes beyond ASCII.
bool IsName(std::string_view text);

}  // namespace tensorgate::pickle

#endif  // TENSORGATE_CONTAINERS_PICKLE_REACH_H_
