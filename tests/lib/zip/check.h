// The container alone, judged.
#ifndef TENSORGATE_TESTS_LIB_ZIP_CHECK_H_
#define TENSORGATE_TESTS_LIB_ZIP_CHECK_H_

#include <string>

#include "lib/source/drive.h"
#include "lib/zip/reader.h"

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

inline Report CheckZipPath(const std::string& path, const CheckOptions& options) {
  Result<FileSource> source = FileSource::Open(path);
  return CheckZip(*source, options);
}

}  // namespace tensorgate::testing

#endif  // TENSORGATE_TESTS_LIB_ZIP_CHECK_H_
