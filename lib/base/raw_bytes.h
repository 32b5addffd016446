// Marks code that accesses raw bytes; clang's -Wunsafe-buffer-usage is an error in all other code.
#ifndef TENSORGATE_BASE_RAW_BYTES_H_
#define TENSORGATE_BASE_RAW_BYTES_H_

#if defined(__clang__)
#define TENSORGATE_RAW_BYTES_BEGIN _Pragma("clang unsafe_buffer_usage begin")
#define TENSORGATE_RAW_BYTES_END _Pragma("clang unsafe_buffer_usage end")
#else
#define TENSORGATE_RAW_BYTES_BEGIN
#define TENSORGATE_RAW_BYTES_END
#endif

#endif  // TENSORGATE_BASE_RAW_BYTES_H_
