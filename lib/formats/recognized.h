// Recognizes formats whose beginning is more than a signature. These functions look only at the
// head.
#ifndef TENSORGATE_FORMATS_RECOGNIZED_H_
#define TENSORGATE_FORMATS_RECOGNIZED_H_

#include "lib/formats/registry.h"

namespace tensorgate::internal::recognize {

Match Empty(const Head& head);
Match Anything(const Head& head);
/// Recognized by its length field and the brace after it.
Match Safetensors(const Head& head);
/// True if enough of a stream has arrived to decide that: a character after the white space, or all
/// of kScanHead.
bool ShowsHeader(const Head& head);
/// A pickle starting with PROTO, as written by torch.save's legacy layout, by joblib, or by
/// neither.
Match LegacyTorch(const Head& head);
Match Joblib(const Head& head);
Match Pickle(const Head& head);
/// A local header, an end record or a spanning marker at the start.
Match Zip(const Head& head);
Match KerasHdf5(const Head& head);
Match Hdf5(const Head& head);
Match TorchTar(const Head& head);
Match Tar(const Head& head);
Match Webp(const Head& head);
/// A PyTorch mobile module.
Match TorchFlatbuffer(const Head& head);
Match SavedModel(const Head& head);
Match Onnx(const Head& head);
/// A small text in place of a large file.
Match LfsPointer(const Head& head);
Match XetPointer(const Head& head);
Match AnnexPointer(const Head& head);
Match Json(const Head& head);
Match Html(const Head& head);
Match Xml(const Head& head);
Match Text(const Head& head);
Match Zlib(const Head& head);
/// As far as the head shows.
Match Zeros(const Head& head);

}  // namespace tensorgate::internal::recognize

#endif  // TENSORGATE_FORMATS_RECOGNIZED_H_
