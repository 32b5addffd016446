// How formats are recognised whose beginning is more than a signature. Each looks at nothing but the head.
#ifndef TENSORGATE_FORMATS_RECOGNIZED_H_
#define TENSORGATE_FORMATS_RECOGNIZED_H_

#include "lib/formats/registry.h"

namespace tensorgate::internal::recognize {

Match Empty(const Head& head);
Match Anything(const Head& head);
/// By its length bytes and the brace after them.
Match Safetensors(const Head& head);
/// There are enough of a stream's first bytes for that: those after white space, or all of kScanHead.
bool ShowsHeader(const Head& head);
/// PROTO, and what torch.save's legacy layout, joblib or neither writes after it.
Match LegacyTorch(const Head& head);
Match Joblib(const Head& head);
Match Pickle(const Head& head);
/// A first local header, an end record or a spanning mark.
Match Zip(const Head& head);
Match KerasHdf5(const Head& head);
Match Hdf5(const Head& head);
Match TorchTar(const Head& head);
Match Tar(const Head& head);
Match Webp(const Head& head);
/// PyTorch's mobile modules.
Match TorchFlatbuffer(const Head& head);
Match SavedModel(const Head& head);
Match Onnx(const Head& head);
Match LfsPointer(const Head& head);
Match Json(const Head& head);
Match Html(const Head& head);
Match Xml(const Head& head);
Match Text(const Head& head);
Match Zlib(const Head& head);

}  // namespace tensorgate::internal::recognize

#endif  // TENSORGATE_FORMATS_RECOGNIZED_H_
