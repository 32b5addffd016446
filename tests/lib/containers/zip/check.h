// Judges only the container.
#ifndef TENSORGATE_TESTS_LIB_CONTAINERS_ZIP_CHECK_H_
#define TENSORGATE_TESTS_LIB_CONTAINERS_ZIP_CHECK_H_

#include <string>

#include "lib/containers/zip/reader.h"
#include "lib/source/drive.h"

namespace tensorgate::testing {

inline Report CheckZip(Source& source, const CheckOptions& options = {}) {
  ReportBuilder builder(options, "zip");
  builder.SetSize(source.size());
  zip::internal::Archive archive;
  zip::internal::Reader reader(builder, archive);
  reader.Begin(source.size());
  if (const auto read = internal::Drive(reader, source); !read) builder.Add(read.error());
  return builder.Finish();
}

}  // namespace tensorgate::testing

#endif  // TENSORGATE_TESTS_LIB_CONTAINERS_ZIP_CHECK_H_
