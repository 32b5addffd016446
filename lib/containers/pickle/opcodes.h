// The table of pickle's opcodes: what the decoder reads, what the machine pops and pushes, and what
// a disassembly shows.
#ifndef TENSORGATE_CONTAINERS_PICKLE_OPCODES_H_
#define TENSORGATE_CONTAINERS_PICKLE_OPCODES_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "tensorgate/rules.h"

namespace tensorgate::pickle {

/// How the bytes after an opcode are read. Numbers are little-endian, except kFloat64.
enum class Argument : std::uint8_t {
  kNone,
  kUint8,
  kUint16,
  kInt32,
  kUint32,
  kFloat64,     ///< Big-endian.
  kLine,        ///< Up to a line feed.
  kTwoLines,    ///< Module and name.
  kSized8,      ///< Length of 1 byte, then the bytes.
  kSized32,     ///< Length of 4 bytes, then the bytes.
  kSizedInt32,  ///< Signed length of 4 bytes, then the bytes.
  kSized64,     ///< Length of 8 bytes, then the bytes.
  kFrame,       ///< Length of 8 bytes; that many bytes must follow, and are read as opcodes.
};

enum class Marks : std::uint8_t { kNo, kPush, kDown };

/// Whether PyTorch's restricted unpickler executes it, and if not, why the machine refuses it.
enum class Use : std::uint8_t { kTorch, kOutside, kText, kCall, kStackGlobal, kExtension };

enum class Op : std::uint8_t {
#define TENSORGATE_OPCODE(name, text, code, ...) name = code,
#include "lib/containers/pickle/opcodes.def"
#undef TENSORGATE_OPCODE
};

struct OpcodeInfo {
  Op op;
  std::string_view name;  ///< As in pickletools.
  std::uint8_t protocol;  ///< The first protocol that has it.
  Argument argument;
  std::uint8_t pops;
  std::uint8_t pushes;
  Marks marks;
  Use use;
};

inline constexpr int kOpcodeCount = 68;

/// Sorted by code.
std::span<const OpcodeInfo> Opcodes();

/// nullptr if this byte is not an opcode in any protocol.
const OpcodeInfo* FindOpcode(std::uint8_t code);

/// The rule that refuses it. Requires that `use` is not kTorch.
Rule RefusedBy(Use use);

}  // namespace tensorgate::pickle

#endif  // TENSORGATE_CONTAINERS_PICKLE_OPCODES_H_
