// The message of a finding, for those who have to know when there was no memory for it.
#ifndef TENSORGATE_REPORT_MESSAGE_H_
#define TENSORGATE_REPORT_MESSAGE_H_

#include <string>

#include "tensorgate/report.h"

namespace tensorgate::internal {

/// Appends what tensorgate::Message returns. Throws std::bad_alloc.
void AppendMessage(std::string& out, const Report& report, const Finding& finding);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_REPORT_MESSAGE_H_
