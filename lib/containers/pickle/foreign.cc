#include "lib/containers/pickle/foreign.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/containers/pickle/decode.h"

namespace tensorgate::pickle {
namespace {

// True if a part of the path leads to a class, to the variables of a module, or to a method that
// changes its object.
bool IsInternal(std::string_view path) {
  constexpr std::array<std::string_view, 9> kWords = {"f_globals", "f_locals",     "f_builtins",
                                                      "f_back",    "gi_frame",     "tb_frame",
                                                      "cr_frame",  "func_globals", "im_class"};
  for (;;) {
    const std::size_t end = std::min(path.find('.'), path.size());
    const std::string_view part = path.substr(0, end);
    if (part.starts_with("__") || std::ranges::find(kWords, part) != kWords.end()) return true;
    if (end == path.size()) return false;
    path.remove_prefix(end + 1);
  }
}

}  // namespace

bool ForeignValues::IsName(const Value& value) const {
  const Value base = Base(value);
  if (base.kind == Kind::kGlobal) return true;
  return base.kind == Kind::kForeign && (*this)[base].origin == Origin::kName;
}

std::string_view ForeignValues::WordOf(const Foreign& attribute) const {
  const std::span<const Value> items = values_.Items(attribute.arguments);
  return items.size() == 2 && items[1].IsString() ? values_.Text(items[1]) : std::string_view();
}

bool ForeignValues::IsOpen(const Value& value) const {
  if (IsName(value) || HasInternalWord(value)) return true;
  const Value base = Base(value);
  return base.kind == Kind::kForeign && (*this)[base].may_be_shared;
}

std::string ForeignValues::NameOf(const Value& value) const {
  const Value root = value.kind == Kind::kForeign ? (*this)[value].root : value;
  if (root.kind != Kind::kForeign) return std::string(Name(root.kind));
  const Foreign& foreign = (*this)[root];
  if (foreign.module.empty()) return std::string(foreign.name.substr(0, 256));
  return FullName(foreign.module, foreign.name);
}

// Chains can be as long as the pickle: everything about them is known when a value is added.
Value ForeignValues::Add(Foreign foreign) {
  const Value self = Value::Of(Kind::kForeign, all_.size());
  const bool named = foreign.origin == Origin::kName;
  const bool part = foreign.origin == Origin::kAttribute;
  const bool of_foreign = foreign.callee.kind == Kind::kForeign;
  foreign.base = part ? Base(foreign.callee) : self;
  foreign.root = named ? self : of_foreign ? (*this)[foreign.callee].root : foreign.callee;
  foreign.internal = named
                         ? IsInternal(foreign.name)
                         : part && (HasInternalWord(foreign.callee) || IsInternal(WordOf(foreign)));
  all_.push_back(std::move(foreign));
  return self;
}

void ForeignValues::AddOperation(const Value& target, Operation operation) {
  operations_.push_back(operation);
  const auto number = static_cast<std::uint32_t>(operations_.size());
  Foreign& foreign = all_[static_cast<std::size_t>(target.bits)];
  if (foreign.first == 0) foreign.first = number;
  if (foreign.last != 0) operations_[foreign.last - 1].next = number;
  foreign.last = number;
}

}  // namespace tensorgate::pickle
