// The reference implementation of the format, the Rust crate `safetensors` 0.8.0, through a C
// interface. It is implemented by lib.rs, which declares the same functions; used only by tests,
// fuzz targets and benchmarks.
#ifndef TENSORGATE_TESTS_REFERENCE_REFERENCE_H_
#define TENSORGATE_TESTS_REFERENCE_REFERENCE_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TG_REFERENCE_ACCEPTED = 0, TG_REFERENCE_REJECTED = 1, TG_REFERENCE_PANICKED = 2 };

/// The result of `SafeTensors::deserialize` for a whole file. `kind` receives the name of the
/// variant of SafeTensorError, "" if accepted, "panic" if the crate panicked; truncated to
/// `kind_size` bytes including its NUL.
int tg_reference_check(const uint8_t* data, size_t size, char* kind, size_t kind_size);

typedef void (*tg_reference_tensor)(void* context, const uint8_t* name, size_t name_size,
                                    const uint8_t* dtype, size_t dtype_size, const uint64_t* shape,
                                    size_t rank, uint64_t begin, uint64_t end);

/// Calls `each` (unless null) for every tensor, in no particular order; begin and end are relative
/// to the start of the data. Returns the number of tensors, -1 if the file is refused. `each` must
/// not throw.
int64_t tg_reference_tensors(const uint8_t* data, size_t size, tg_reference_tensor each,
                             void* context);

/// Runs `SafeTensors::read_metadata` and frees its result. Returns one of TG_REFERENCE_*.
int tg_reference_read_metadata(const uint8_t* data, size_t size);

struct tg_reference_named_tensor {
  const uint8_t* name;
  size_t name_size;
  size_t dtype;  // number in the crate's enumeration
  const uint64_t* shape;
  size_t rank;
  const uint8_t* data;
  size_t size;
};

struct tg_reference_metadata_entry {
  const uint8_t* key;
  size_t key_size;
  const uint8_t* value;
  size_t value_size;
};

/// The result of the crate's `serialize`, to be passed to tg_reference_free; NULL if it refuses.
/// `metadata` may be NULL. Texts must be UTF-8.
uint8_t* tg_reference_serialize(const struct tg_reference_named_tensor* tensors, size_t count,
                                const struct tg_reference_metadata_entry* metadata,
                                size_t metadata_count, size_t* size);
void tg_reference_free(uint8_t* data, size_t size);

#ifdef __cplusplus
}
#endif

#endif  // TENSORGATE_TESTS_REFERENCE_REFERENCE_H_
