// Walks the result of a pickle that contains foreign objects, and names its tensors.
//
//   ExtractWalk walk(contents, reached, builder);
//   if (walk.Run()) for (const Found& found : walk.found()) …
//
// Containers are entered once each, on their first path; further paths give further names of the
// same tensors. An object with `_parameters`, `_buffers` and `_modules` is a module, and its names
// are those of state_dict(). Time and memory are linear in the pickle.
#ifndef TENSORGATE_FORMATS_TORCH_EXTRACT_WALK_H_
#define TENSORGATE_FORMATS_TORCH_EXTRACT_WALK_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/interrupt.h"
#include "lib/base/pod_buffer.h"
#include "lib/formats/torch/contents.h"
#include "lib/formats/torch/reached.h"
#include "lib/rules/report_builder.h"

namespace tensorgate::torch::internal {

/// Why a tensor is not written although it was found.
enum class Place : std::uint8_t {
  kNamed,      ///< It has a path by which it may be written.
  kAttribute,  ///< An attribute of a module: not part of its state_dict().
  kTransient,  ///< A buffer that state_dict() leaves out.
  kKey,        ///< Under a key that is neither text nor a number.
  kSet,        ///< In a set, a deque or another sequence without positions.
  kArgument,   ///< An argument of a call.
};

struct Found {
  std::size_t name = 0;  ///< Offset of the path in names().
  std::uint32_t name_length = 0;
  pickle::Value value;       ///< A tensor, or a foreign value that may be one.
  std::uint32_t holder = 0;  ///< The innermost foreign object on the path: index + 1, or 0.
  Place place = Place::kNamed;
  bool is_key = false;  ///< The result is a dict, and the path is a text key in it.
};

class ExtractWalk {
 public:
  ExtractWalk(const Contents& contents, const Reached& reached, ReportBuilder& builder);
  /// Returns false if a rule was reported.
  bool Run();

  const std::vector<Found>& found() const { return found_; }
  std::string_view NameOf(const Found& found) const {
    return std::string_view(names_).substr(found.name, found.name_length);
  }
  /// Further names that were not listed.
  std::uint64_t dropped() const { return dropped_; }

 private:
  using Value = pickle::Value;
  struct Child {
    Value key;  // text, a number, a boolean or None; a position for the items of a sequence
    Value value;
    Place place;
  };
  struct Level {
    std::size_t begin, next, end;  // its children
    std::size_t path;              // length of the path before them
    std::uint32_t holder;
    std::size_t visit;  // index in visits_
  };
  struct Visit {
    std::uint32_t path = 0;            // length of its path
    std::uint32_t begin = 0, end = 0;  // what was found below it
    bool seen = false, done = false;
  };
  struct Later {
    std::size_t path;  // offset in later_paths_
    std::uint32_t path_length;
    Value value;
    std::uint32_t holder;
    Place place;
  };
  struct Again {
    std::size_t path;  // offset in later_paths_
    std::uint32_t path_length;
    std::size_t visit;
  };

  bool Follow(const Value& root, std::uint32_t holder);
  bool Enter(const Value& value, std::uint32_t holder, bool is_key);
  void Expand(const Value& value);
  void ExpandObject(const Value& value);
  bool IsMixed(const pickle::Foreign& foreign) const;
  bool ExpandModule(const pickle::Operation& state);
  void ExpandBuffers(const Value& buffers, const Value& transient);
  void AddItems(const Value& mapping, Place place);
  void AddSequence(const Value& sequence, Place place);
  void AddChild(const Value& key, const Value& value, Place place);
  bool AddFound(const Value& value, std::uint32_t holder, bool is_key);
  bool AddAgain();
  bool MayBeTensor(const Value& value) const;
  std::size_t VisitOf(const Value& value) const;
  Value Find(const Value& mapping, std::string_view key) const;
  bool AppendPart(const Value& key);
  std::pair<std::size_t, std::uint32_t> KeepPath();

  const Contents& contents_;
  const pickle::Values& values_;
  const pickle::ForeignValues& foreign_;
  const Reached& reached_;
  ReportBuilder& builder_;
  std::vector<Visit> visits_;  // arena objects, then foreign values
  std::vector<Child> children_;
  std::vector<Level> levels_;
  std::vector<Later> later_;
  std::vector<Again> again_;
  std::vector<Found> found_;
  std::string names_, later_paths_, path_;
  Place place_ = Place::kNamed;  // of everything below the current root
  std::uint64_t dropped_ = 0;
  NameBudget budget_;
};

}  // namespace tensorgate::torch::internal

#endif  // TENSORGATE_FORMATS_TORCH_EXTRACT_WALK_H_
