// What a pickle does with functions and classes that are outside the policy's table: kept as
// descriptions, never looked up or run. For extraction (tensorgate/extract.h); a machine that
// judges a file refuses such a pickle instead.
//
//   machine.FollowForeign();
//   machine.Run();
//   for (const pickle::Given& given : machine.foreign()->given()) …  // foreign code may change it
//
// Values that the pickle hands to foreign code are listed as given, with everything that can be
// reached from them at the end. A state of text keys, an item or an appended value of an object
// that was created without arguments is not given, but recorded as an operation on the object: a
// class that is not ordinary may still change it.
#ifndef TENSORGATE_CONTAINERS_PICKLE_FOREIGN_H_
#define TENSORGATE_CONTAINERS_PICKLE_FOREIGN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/containers/pickle/value.h"

namespace tensorgate::pickle {

/// Where a foreign value comes from.
enum class Origin : std::uint8_t {
  kName,       ///< A function, class or module, by its name. Nothing was called.
  kNew,        ///< `callee.__new__(callee)`: an object without arguments.
  kCall,       ///< Any other call.
  kKept,       ///< A call that is known to leave its arguments as they are, such as partial.
  kAttribute,  ///< A part of `callee`, by getattr or by a subscript.
};

/// One foreign value; Value::bits of Kind::kForeign is its index.
struct Foreign {
  Origin origin = Origin::kName;
  std::uint64_t offset = 0;       ///< Of the opcode, in the pickle.
  std::string_view module, name;  ///< Of a name; `module` is empty for an extension code.
  Value callee;                   ///< What was called, or what it is a part of.
  Value arguments;                ///< A tuple, or undefined.
  bool has_state = false;
  /// Names among its arguments are classes, and it only creates objects of them.
  bool creates_only = false;
  /// Itself; for a part of something, what is left without parts.
  Value base;
  /// The name at the end of all callees, or a value of the policy's table.
  Value root;
  /// A part of its path is a word such as `__class__`.
  bool internal = false;
  /// It may be a module, or something else that all code shares: the result of a call that can
  /// return anything.
  bool may_be_shared = false;
  std::uint32_t first = 0, last = 0;  ///< Its operations: index + 1, or 0.
};

/// Something that was done to an object.
struct Operation {
  enum class Kind : std::uint8_t {
    kState,     ///< `a`: attributes; `b`: those of slots. Each is a mapping, None or undefined.
    kItem,      ///< `a`: key; `b`: value.
    kAppended,  ///< `a`: value, at the end of a sequence.
    kAdded,     ///< `a`: value, without a position.
  };
  Kind kind{};
  Value a, b;
  std::uint32_t size_a = 0, size_b = 0;  ///< For a state: the sizes when it was taken.
  std::uint32_t next = 0;                ///< The object's next operation: index + 1, or 0.
};

/// A value that foreign code received.
struct Given {
  enum class Why : std::uint8_t {
    kArgument,  ///< Passed to a call.
    kCallee,    ///< Called, or one of its methods.
    kState,     ///< Passed as a state that a class may use as it likes.
    kKey,       ///< Has a key that may compare itself with others as it likes.
    kRebuilt,   ///< Its state was set, although it is a tensor or another value of known type.
  };
  Value value;
  Why why{};
  bool code = false;         ///< The receiver may change functions and modules among the values.
  std::uint64_t offset = 0;  ///< Of the opcode.
  bool taints = true;        ///< False: only such functions and modules matter.
  std::uint32_t by = 0;      ///< The foreign value that received it: index + 1, or 0.
};

class ForeignValues {
 public:
  explicit ForeignValues(const Values& values) : values_(values) {}

  const std::vector<Foreign>& all() const { return all_; }
  const Foreign& operator[](const Value& value) const {
    return all_[static_cast<std::size_t>(value.bits)];
  }
  const std::vector<Operation>& operations() const { return operations_; }
  const std::vector<Given>& given() const { return given_; }
  /// The opcode that changed a function, class or module by its name: from then on, no name means
  /// what it meant.
  std::optional<std::uint64_t> names_changed() const { return names_changed_; }

  /// What is left after removing attributes: `a` of getattr(getattr(a, …), …).
  Value Base(const Value& value) const {
    return value.kind == Kind::kForeign ? (*this)[value].base : value;
  }
  /// True for a name, or a part of one. Names of the policy's table count.
  bool IsName(const Value& value) const;
  /// True for what leads to functions and modules: a name, the result of a call that may be shared,
  /// a part of either, and what is reached by a word such as `__class__` or `__globals__`.
  bool IsOpen(const Value& value) const;
  /// True if a part of its path is such a word.
  bool HasInternalWord(const Value& value) const {
    return value.kind == Kind::kForeign && (*this)[value].internal;
  }
  /// "module.name" of a name or of the class or function that made the value; at most 513 bytes.
  std::string NameOf(const Value& value) const;

 private:
  friend class Machine;
  std::string_view WordOf(const Foreign& attribute) const;
  Value Add(Foreign foreign);
  void AddOperation(const Value& target, Operation operation);

  const Values& values_;
  std::vector<Foreign> all_;
  std::vector<Operation> operations_;
  std::vector<Given> given_;
  std::optional<std::uint64_t> names_changed_;
};

}  // namespace tensorgate::pickle

#endif  // TENSORGATE_CONTAINERS_PICKLE_FOREIGN_H_
