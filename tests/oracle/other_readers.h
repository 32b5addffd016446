// What other loaders would take bytes for: slow and obvious second implementations of their tests,
// for fuzz targets. Written from Python's tarfile, zipfile and pickle; shares no code with lib/.
#ifndef TENSORGATE_TESTS_ORACLE_OTHER_READERS_H_
#define TENSORGATE_TESTS_ORACLE_OTHER_READERS_H_

#include <string_view>

namespace tensorgate::oracle {

/// True if tarfile.open(mode="r:") finds a first member.
bool IsTar(std::string_view file);
/// True if zipfile.ZipFile(file).namelist() is not empty, judging by its first entry.
bool IsZip(std::string_view file);
/// True if there is an HDF5 signature at 0 or at a power of two from 512 on.
bool IsHdf5(std::string_view file);
/// True if pickle.load calls something that the bytes name.
bool CallsAsPickle(std::string_view file);

/// True if none of these functions accepts it, except for what `format` is anyway.
bool HasOneReading(std::string_view file, std::string_view format);

}  // namespace tensorgate::oracle

#endif  // TENSORGATE_TESTS_ORACLE_OTHER_READERS_H_
