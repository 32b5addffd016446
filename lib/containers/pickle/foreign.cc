#include "lib/containers/pickle/foreign.h"

#include <utility>

#include "lib/containers/pickle/decode.h"

namespace tensorgate::pickle {

Value ForeignValues::Base(Value value) const {
  while (value.kind == Kind::kForeign && (*this)[value].origin == Origin::kAttribute) {
    value = (*this)[value].callee;
  }
  return value;
}

bool ForeignValues::IsName(const Value& value) const {
  const Value base = Base(value);
  if (base.kind == Kind::kGlobal) return true;
  return base.kind == Kind::kForeign && (*this)[base].origin == Origin::kName;
}

std::string ForeignValues::NameOf(const Value& value) const {
  Value at = value;
  while (at.kind == Kind::kForeign && (*this)[at].origin != Origin::kName) at = (*this)[at].callee;
  if (at.kind != Kind::kForeign) return std::string(Name(at.kind));
  const Foreign& foreign = (*this)[at];
  if (foreign.module.empty()) return std::string(foreign.name.substr(0, 256));
  return FullName(foreign.module, foreign.name);
}

Value ForeignValues::Add(Foreign foreign) {
  all_.push_back(std::move(foreign));
  return Value::Of(Kind::kForeign, all_.size() - 1);
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
