/* Is this model file safe to load, and what is in it? The C interface, for C11 and any C++.
 *
 *   tensorgate_error* error = NULL;
 *   tensorgate_checkpoint* model = tensorgate_open_path("model.safetensors", NULL, &error);
 *   if (model == NULL) {
 *     printf("%s: %s\n", tensorgate_error_rule(error), tensorgate_error_text(error));
 *   } else {
 *     size_t length = 0;
 *     tensorgate_loaded* all = tensorgate_load(model, NULL, 0, NULL, &error);
 *     if (all != NULL && tensorgate_tensor_count(model) > 0) tensorgate_loaded_bytes(all, 0, &length);
 *     tensorgate_loaded_free(all);
 *   }
 *   tensorgate_error_free(error);
 *   tensorgate_checkpoint_free(model);
 *
 * A gate that wants the verdict alone calls tensorgate_check_path() or one of its siblings.
 *
 * Guarantees: no call throws or ends the program. A check never returns NULL: running out of memory is a report
 * too, with the rule "io/out-of-memory". A checkpoint exists only if every check of the strict profile passed. Calls that
 * read deliver everything or an error; a file appears under its name whole or not at all.
 * Text: names, keys and subjects come from the file, raw and hostile; they may hold NULs, so they come with their
 * length. Messages and texts are UTF-8, end with a NUL, and escape what they quote. Rules are stable ids; docs/rules.md
 * explains each.
 * Errors: a call that can fail returns 0 or NULL and, if `error` is not NULL, puts a new error there, which the caller
 * frees; it writes to `*error` only then.
 * Lifetime: what a handle hands out lives until the handle is freed; freeing NULL does nothing. A handle does not depend on
 * the one it was made from, except where it is said. Only where it is said may a handle that is used be NULL.
 * Threads: reports and checkpoints may be used by many; writers and everything else by one at a time.
 * Growth: a caller sets struct_size of each structure to its sizeof; new members are added at the end only.
 */
#ifndef TENSORGATE_C_H_
#define TENSORGATE_C_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TENSORGATE_C_API __attribute__((visibility("default")))
#else
#define TENSORGATE_C_API
#endif

/* Values are stable; a caller must treat one it does not know as "not accepted". */
typedef enum tensorgate_verdict {
  TENSORGATE_ACCEPTED = 0,   /* Every check passed. */
  TENSORGATE_REJECTED = 1,   /* A rule of severity error fired. */
  TENSORGATE_UNDECIDED = 2,  /* Not all could be read, it changed, or a limit was hit. */
  TENSORGATE_UNSUPPORTED = 3 /* Not a format that this library parses. */
} tensorgate_verdict;

typedef enum tensorgate_severity {
  TENSORGATE_NOTE = 0,
  TENSORGATE_WARNING = 1,
  TENSORGATE_ERROR = 2
} tensorgate_severity;

typedef enum tensorgate_profile {
  TENSORGATE_STRICT = 0,   /* One meaning, every byte accounted for. */
  TENSORGATE_REFERENCE = 1 /* A prediction of what the format's own loader accepts. */
} tensorgate_profile;

/* Element types: the 22 of safetensors. Little-endian; those below 8 bits packed, lowest bits first. */
typedef enum tensorgate_dtype {
  TENSORGATE_BOOL = 0,
  TENSORGATE_F4 = 1,
  TENSORGATE_F6_E2M3 = 2,
  TENSORGATE_F6_E3M2 = 3,
  TENSORGATE_U8 = 4,
  TENSORGATE_I8 = 5,
  TENSORGATE_F8_E5M2 = 6,
  TENSORGATE_F8_E4M3 = 7,
  TENSORGATE_F8_E8M0 = 8,
  TENSORGATE_F8_E4M3FNUZ = 9,
  TENSORGATE_F8_E5M2FNUZ = 10,
  TENSORGATE_I16 = 11,
  TENSORGATE_U16 = 12,
  TENSORGATE_F16 = 13,
  TENSORGATE_BF16 = 14,
  TENSORGATE_I32 = 15,
  TENSORGATE_U32 = 16,
  TENSORGATE_F32 = 17,
  TENSORGATE_C64 = 18,
  TENSORGATE_F64 = 19,
  TENSORGATE_I64 = 20,
  TENSORGATE_U64 = 21,
  TENSORGATE_NO_DTYPE =
      255 /* Of a tensor whose type only its format has: see tensorgate_tensor.type_name. */
} tensorgate_dtype;

/* A user's own list of functions and classes that a pickle may use beside PyTorch's; trust.h says how it is written. */
typedef struct tensorgate_trust_list tensorgate_trust_list;

/* Fill with tensorgate_options_init(), then change what should differ. */
typedef struct tensorgate_options {
  size_t struct_size;
  tensorgate_profile profile;
  uint32_t max_findings;
  /* Inclusive caps; hitting one is TENSORGATE_UNDECIDED. limits.h says what each is and why. */
  uint64_t max_file_bytes;
  uint64_t max_header_bytes;
  uint64_t max_tensors;
  uint64_t max_metadata_entries;
  uint64_t max_name_bytes;
  uint64_t max_rank;
  uint64_t max_pickle_operations;
  uint64_t max_index_bytes;
  uint64_t max_shards;
  uint64_t max_checkpoint_header_bytes;
  /* NULL: none. Read during the call. Who loads a file that uses it runs its code; opening takes no list. */
  const tensorgate_trust_list* trusted;
  uint64_t max_spool_bytes; /* Of a stream that is kept in a temporary file (tensorgate_stream). */
  /* Milliseconds that a call may take, from its beginning; of a stream, from its creation. Past them the verdict is
   * TENSORGATE_UNDECIDED ("limit/time"). 0: as long as it takes. */
  uint64_t timeout_ms;
  /* Called between reads and every few milliseconds of work, by the thread that made the call. 0 ends it
   * ("use/cancelled"); it must then return 0 again. NULL: none. */
  int (*keep_going)(void* context);
  void* keep_going_context;
} tensorgate_options;

/* One rule that fired. Offsets are in bytes from the start of the file. */
typedef struct tensorgate_finding {
  size_t struct_size;
  const char* rule; /* "safetensors/offsets-overlap": stable, never reused. */
  tensorgate_severity severity;
  int has_found; /* `found` holds a number. */
  int has_allowed;
  uint64_t offset;
  uint64_t found;
  uint64_t allowed;
  const char* subject; /* Raw bytes of the thing concerned, cut at 256; not NUL-terminated. */
  size_t subject_length;
  const char* message; /* One sentence, escaped. */
} tensorgate_finding;

typedef struct tensorgate_report tensorgate_report;

/* Reads up to `length` bytes at `offset` into `into`. Returns how many came (0 at the end), or -1 for a failure. */
typedef int64_t (*tensorgate_read_function)(void* context, uint64_t offset, void* into,
                                            size_t length);

/* "0.1.0" */
TENSORGATE_C_API const char* tensorgate_version(void);

/* Sets every member that `options->struct_size` covers to its default; the caller sets struct_size first. */
TENSORGATE_C_API void tensorgate_options_init(tensorgate_options* options);

/* `options` may be NULL for the defaults, here and below. A structure shorter than this header's is read as far as it
 * goes. A profile that this library does not know is answered with TENSORGATE_UNDECIDED and "use/unknown-option"; opening
 * fails with it.
 *
 * tensorgate_check_* judges any file. What it is is decided by its content; the suffix of `path` only says by which format's
 * rules something unrecognizable is refused. */
TENSORGATE_C_API tensorgate_report* tensorgate_check_memory(const void* bytes, size_t length,
                                                            const tensorgate_options* options);
/* Reads by pread; the descriptor stays the caller's, and its offset is not used. */
TENSORGATE_C_API tensorgate_report* tensorgate_check_fd(int descriptor,
                                                        const tensorgate_options* options);
/* Of the index of a sharded checkpoint, the report is on all its shards. */
TENSORGATE_C_API tensorgate_report* tensorgate_check_path(const char* path,
                                                          const tensorgate_options* options);
TENSORGATE_C_API tensorgate_report* tensorgate_check_callback(uint64_t size,
                                                              tensorgate_read_function read,
                                                              void* context,
                                                              const tensorgate_options* options);

/* The same for a caller that reads safetensors alone: a file of any other format is refused as a damaged one. */
TENSORGATE_C_API tensorgate_report* tensorgate_check_safetensors_memory(
    const void* bytes, size_t length, const tensorgate_options* options);
TENSORGATE_C_API tensorgate_report* tensorgate_check_safetensors_fd(
    int descriptor, const tensorgate_options* options);
TENSORGATE_C_API tensorgate_report* tensorgate_check_safetensors_path(
    const char* path, const tensorgate_options* options);
TENSORGATE_C_API tensorgate_report* tensorgate_check_safetensors_callback(
    uint64_t size, tensorgate_read_function read, void* context, const tensorgate_options* options);

/* ---- Bytes that come in order and whose number is not known before the end: an upload, a pipe. Judged as by
 * tensorgate_check_*; what can only
 * be judged as a whole (archives, pickles) is kept in a temporary file without a name in /var/tmp. By one thread at a time. */

typedef struct tensorgate_stream tensorgate_stream;

/* `name` is the file's, for its suffix, as in tensorgate_check_path; NULL if it has none. NULL only if there is no memory. */
TENSORGATE_C_API tensorgate_stream* tensorgate_stream_create(const char* name,
                                                             const tensorgate_options* options);
/* The next bytes. 0: the verdict is certain whatever follows, or the stream is NULL: send no more. */
TENSORGATE_C_API int tensorgate_stream_feed(tensorgate_stream* stream, const void* bytes,
                                            size_t length);
/* The report; `at_end` 0 where the stream broke off. Frees the stream, whatever it answers. */
TENSORGATE_C_API tensorgate_report* tensorgate_stream_finish(tensorgate_stream* stream, int at_end);

/* NULL is allowed for each report below, and is undecided, empty and silent. */
TENSORGATE_C_API void tensorgate_report_free(tensorgate_report* report);
TENSORGATE_C_API tensorgate_verdict tensorgate_report_verdict(const tensorgate_report* report);
/* "safetensors"; "unknown" if nothing was recognised. */
TENSORGATE_C_API const char* tensorgate_report_format(const tensorgate_report* report);
TENSORGATE_C_API size_t tensorgate_report_finding_count(const tensorgate_report* report);
/* Findings that were counted but not kept. */
TENSORGATE_C_API uint64_t tensorgate_report_dropped_findings(const tensorgate_report* report);
/* Fills what `finding->struct_size` covers; 0 and untouched where there is no such finding. */
TENSORGATE_C_API int tensorgate_report_finding(const tensorgate_report* report, size_t index,
                                               tensorgate_finding* finding);
/* The same for why the file is not accepted: its first error, or of an unsupported file the note that says what it is. 0 if
 * it is accepted. */
TENSORGATE_C_API int tensorgate_report_reason(const tensorgate_report* report,
                                              tensorgate_finding* finding);
/* Facts of a header that could be read; 0 for all else. */
TENSORGATE_C_API uint64_t tensorgate_report_tensor_count(const tensorgate_report* report);
TENSORGATE_C_API uint64_t tensorgate_report_header_bytes(const tensorgate_report* report);
TENSORGATE_C_API uint64_t tensorgate_report_data_bytes(const tensorgate_report* report);
TENSORGATE_C_API uint64_t tensorgate_report_bytes_read(const tensorgate_report* report);
/* The report for people, as `tensorgate scan` prints it. "" where memory ran out. */
TENSORGATE_C_API const char* tensorgate_report_text(const tensorgate_report* report);
/* The report as one JSON object without a line break. "" where memory ran out. */
TENSORGATE_C_API const char* tensorgate_report_json(const tensorgate_report* report);

/* ---- Errors. NULL is allowed for each: "", 0, NULL. */

typedef struct tensorgate_error tensorgate_error;

TENSORGATE_C_API void tensorgate_error_free(tensorgate_error* error);
/* "io/short-read" */
TENSORGATE_C_API const char* tensorgate_error_rule(const tensorgate_error* error);
/* Where in the file, in bytes. */
TENSORGATE_C_API uint64_t tensorgate_error_offset(const tensorgate_error* error);
/* Which file of the checkpoint, where reading one failed; else 0. */
TENSORGATE_C_API size_t tensorgate_error_part(const tensorgate_error* error);
/* errno, where the system said why; else 0. */
TENSORGATE_C_API int tensorgate_error_system(const tensorgate_error* error);
/* One sentence. */
TENSORGATE_C_API const char* tensorgate_error_text(const tensorgate_error* error);
/* Of a file that was not opened: all that is wrong with it; belongs to the error. Else NULL. */
TENSORGATE_C_API const tensorgate_report* tensorgate_error_report(const tensorgate_error* error);

/* ---- A list of trust, for the options of checks. The text need not outlive the call; an error's text says the line. */

TENSORGATE_C_API tensorgate_trust_list* tensorgate_trust_list_parse(const char* text, size_t length,
                                                                    tensorgate_error** error);
TENSORGATE_C_API void tensorgate_trust_list_free(tensorgate_trust_list* list);

/* ---- Opening. The header alone is read. Always by the strict profile. */

typedef struct tensorgate_checkpoint tensorgate_checkpoint;

/* A file, or, where it is one, a checkpoint of several files by its index or folder. */
TENSORGATE_C_API tensorgate_checkpoint* tensorgate_open_path(const char* path,
                                                             const tensorgate_options* options,
                                                             tensorgate_error** error);
/* Keeps a duplicate of the descriptor, which stays the caller's. */
TENSORGATE_C_API tensorgate_checkpoint* tensorgate_open_fd(int descriptor,
                                                           const tensorgate_options* options,
                                                           tensorgate_error** error);
/* The bytes must outlive the checkpoint and not change. */
TENSORGATE_C_API tensorgate_checkpoint* tensorgate_open_memory(const void* bytes, size_t length,
                                                               const tensorgate_options* options,
                                                               tensorgate_error** error);
/* `read` and `context` must outlive the checkpoint; `read` is called by one thread at a time. */
TENSORGATE_C_API tensorgate_checkpoint* tensorgate_open_callback(uint64_t size,
                                                                 tensorgate_read_function read,
                                                                 void* context,
                                                                 const tensorgate_options* options,
                                                                 tensorgate_error** error);
TENSORGATE_C_API void tensorgate_checkpoint_free(tensorgate_checkpoint* checkpoint);

/* ---- What is inside. Tensors in the order of their files, then of their data. */

/* Text from the file: raw bytes of valid UTF-8, not NUL-terminated. */
typedef struct tensorgate_text {
  const char* bytes;
  size_t length;
} tensorgate_text;

typedef struct tensorgate_tensor {
  size_t struct_size;
  tensorgate_text name;
  tensorgate_dtype dtype;
  size_t rank;
  uint64_t elements;
  uint64_t bytes;  /* As it is read: in C order. */
  size_t part;     /* Which file of the checkpoint. */
  uint64_t offset; /* Where in that file, and how long there. */
  uint64_t length;
  tensorgate_text type_name; /* "F32", "Q4_K". */
  uint32_t block_elements;   /* Elements are stored in blocks of so many … */
  uint32_t block_bytes;      /* … in so many bytes. */
} tensorgate_tensor;

typedef struct tensorgate_part {
  size_t struct_size;
  tensorgate_text path; /* As it was opened; empty for what has none. */
  uint64_t size;
} tensorgate_part;

TENSORGATE_C_API size_t tensorgate_tensor_count(const tensorgate_checkpoint* checkpoint);
/* 1 and its number in `*index` if there is a tensor of that name; else 0. */
TENSORGATE_C_API int tensorgate_find(const tensorgate_checkpoint* checkpoint, const char* name,
                                     size_t name_length, size_t* index);
/* Fills what `tensor->struct_size` covers. */
TENSORGATE_C_API int tensorgate_tensor_at(const tensorgate_checkpoint* checkpoint, size_t index,
                                          tensorgate_tensor* tensor, tensorgate_error** error);
/* Its dimensions; `room`, in dimensions, must be the tensor's rank at least. */
TENSORGATE_C_API int tensorgate_shape(const tensorgate_checkpoint* checkpoint, size_t index,
                                      uint64_t* shape, size_t room, tensorgate_error** error);
/* The same for the distances of neighbours in the file, in elements: for those who look at a mapping. Tensors of PyTorch's
 * checkpoints need not lie in C order; what the calls below read always does. */
TENSORGATE_C_API int tensorgate_stride(const tensorgate_checkpoint* checkpoint, size_t index,
                                       uint64_t* stride, size_t room, tensorgate_error** error);
TENSORGATE_C_API size_t tensorgate_metadata_count(const tensorgate_checkpoint* checkpoint);
/* 0 where there is no such entry. The value of one that is not a text has a null pointer. */
TENSORGATE_C_API int tensorgate_metadata_at(const tensorgate_checkpoint* checkpoint, size_t index,
                                            tensorgate_text* key, tensorgate_text* value);
TENSORGATE_C_API int tensorgate_metadata_find(const tensorgate_checkpoint* checkpoint,
                                              const char* key, size_t key_length,
                                              tensorgate_text* value);
TENSORGATE_C_API size_t tensorgate_part_count(const tensorgate_checkpoint* checkpoint);
/* Fills what `part->struct_size` covers; 0 where there is no such part. */
TENSORGATE_C_API int tensorgate_part_at(const tensorgate_checkpoint* checkpoint, size_t index,
                                        tensorgate_part* part);
/* A copy of the accepted report, with its warnings and notes; the caller frees it. */
TENSORGATE_C_API tensorgate_report* tensorgate_checkpoint_report(
    const tensorgate_checkpoint* checkpoint);
/* 0 and an error if a file of it is known to have changed since it was opened. */
TENSORGATE_C_API int tensorgate_unchanged(const tensorgate_checkpoint* checkpoint,
                                          tensorgate_error** error);

/* "BF16"; NULL for a number that is no dtype. */
TENSORGATE_C_API const char* tensorgate_dtype_name(tensorgate_dtype dtype);
/* Bits of one element; 0 for a number that is no dtype. */
TENSORGATE_C_API unsigned tensorgate_dtype_bits(tensorgate_dtype dtype);
/* By the format's spelling; 0 where there is none. */
TENSORGATE_C_API int tensorgate_dtype_find(const char* name, tensorgate_dtype* dtype);

/* ---- Reading. After an error the bytes in the caller's memory have no value. */

/* Bytes so far, and in all. 0 cancels ("use/cancelled"). */
typedef int (*tensorgate_progress_function)(void* context, uint64_t done, uint64_t all);

/* Fill with zeros, then set struct_size: zeros are the defaults. */
typedef struct tensorgate_load_options {
  size_t struct_size;
  unsigned threads;                      /* 0: as many as there are processors, 16 at most. */
  size_t block_bytes;                    /* What one thread reads in one go. 0: 8 MiB. */
  tensorgate_progress_function progress; /* Called on the caller's thread. NULL: none. */
  void* progress_context;
  /* Tensors of a PyTorch checkpoint can share or repeat bytes of their file. One call gives at most four times the bytes
   * of the file and so many more, or fails with "use/expands". 0: 64 MiB; 1 is as good as none. */
  uint64_t repeated_bytes;
} tensorgate_load_options;

/* Where a tensor shall go: as many bytes as the tensor has. */
typedef struct tensorgate_destination {
  size_t index;
  void* into;
  size_t length;
} tensorgate_destination;

/* One tensor; `length` must be its number of bytes. `options` may be NULL, here and below. */
TENSORGATE_C_API int tensorgate_read(const tensorgate_checkpoint* checkpoint, size_t index,
                                     void* into, size_t length,
                                     const tensorgate_load_options* options,
                                     tensorgate_error** error);
/* Many tensors, in parallel, each into memory of the caller's, which must not overlap. */
TENSORGATE_C_API int tensorgate_read_many(const tensorgate_checkpoint* checkpoint,
                                          const tensorgate_destination* destinations, size_t count,
                                          const tensorgate_load_options* options,
                                          tensorgate_error** error);

/* Tensors in one aligned block of memory, huge pages where it is large. */
typedef struct tensorgate_loaded tensorgate_loaded;

/* Those that `which` names; all of them if `which` is NULL. */
TENSORGATE_C_API tensorgate_loaded* tensorgate_load(const tensorgate_checkpoint* checkpoint,
                                                    const size_t* which, size_t count,
                                                    const tensorgate_load_options* options,
                                                    tensorgate_error** error);
/* The `index`-th of those that were asked for; NULL and 0 where there is none. */
TENSORGATE_C_API void* tensorgate_loaded_bytes(tensorgate_loaded* loaded, size_t index,
                                               size_t* length);
TENSORGATE_C_API void tensorgate_loaded_free(tensorgate_loaded* loaded);

/* A file as it stands on disk, read as it is touched. Who cuts the file then ends this process by SIGBUS, who writes to it
 * changes values; the checked header is not in it. Where others may write to the file, read. */
typedef struct tensorgate_mapping tensorgate_mapping;

TENSORGATE_C_API tensorgate_mapping* tensorgate_map(const tensorgate_checkpoint* checkpoint,
                                                    size_t part, tensorgate_error** error);
/* The whole file; a tensor stands in it at its `offset`. */
TENSORGATE_C_API const void* tensorgate_mapping_bytes(const tensorgate_mapping* mapping,
                                                      size_t* length);
TENSORGATE_C_API void tensorgate_mapping_free(tensorgate_mapping* mapping);

/* ---- Slices, with NumPy's meaning: negative numbers count from the end, ranges are clamped. */

typedef enum tensorgate_subscript_kind {
  TENSORGATE_INDEX = 0,    /* `start`: one of the dimension, which goes away. */
  TENSORGATE_RANGE = 1,    /* start:stop:step, each end where has_start, has_stop say so. */
  TENSORGATE_ELLIPSIS = 2, /* As many whole dimensions as are needed; at most once. */
  TENSORGATE_NEW_AXIS = 3  /* A dimension of 1 more in the result. */
} tensorgate_subscript_kind;

typedef struct tensorgate_subscript {
  tensorgate_subscript_kind kind;
  int has_start;
  int has_stop;
  int64_t start;
  int64_t stop;
  int64_t step; /* Not 0; may be negative. */
} tensorgate_subscript;

typedef struct tensorgate_slice {
  size_t struct_size;
  size_t rank;    /* Of the result, which is in C order. */
  uint64_t bytes; /* Of the result. */
  uint64_t reads; /* How often the file is asked, and for how many bytes. */
  uint64_t read_bytes;
} tensorgate_slice;

/* What the subscripts choose of a tensor. `shape` gets the result's dimensions, as many as fit in `room`; may be NULL. */
TENSORGATE_C_API int tensorgate_plan_slice(const tensorgate_checkpoint* checkpoint, size_t index,
                                           const tensorgate_subscript* subscripts, size_t count,
                                           tensorgate_slice* slice, uint64_t* shape, size_t room,
                                           tensorgate_error** error);
/* Reads what is needed of it alone; `length` must be the slice's number of bytes. */
TENSORGATE_C_API int tensorgate_read_slice(const tensorgate_checkpoint* checkpoint, size_t index,
                                           const tensorgate_subscript* subscripts, size_t count,
                                           void* into, size_t length,
                                           const tensorgate_load_options* options,
                                           tensorgate_error** error);

/* ---- Saving: the same input gives the same bytes, those of the format's reference. */

typedef struct tensorgate_metadata_entry {
  tensorgate_text key;
  tensorgate_text value;
} tensorgate_metadata_entry;

/* Fill with zeros, then set struct_size: zeros are the defaults. */
typedef struct tensorgate_save_options {
  size_t struct_size;
  const tensorgate_metadata_entry* metadata; /* NULL: the file has none. */
  size_t metadata_count;
  uint64_t alignment; /* Of the data: a power of two from 8 to 1 MiB. 0: 8. */
  int as_given;       /* Tensors in the order given. 0: the reference's, by dtype and name. */
  int no_sync;        /* Do not wait for the disk. */
  uint64_t
      max_shard_bytes; /* 0: one file. Else shards of so many bytes of tensors, and an index. */
  tensorgate_progress_function progress;
  void* progress_context;
} tensorgate_save_options;

/* Puts bytes [offset, offset + length) of a tensor into `into`; called in ascending order. 0 ends the saving. */
typedef int (*tensorgate_data_function)(void* context, uint64_t offset, void* into, size_t length);

typedef struct tensorgate_writer tensorgate_writer;

/* Nothing appears at `path` before tensorgate_writer_finish() succeeds. What `options` points to is copied. */
TENSORGATE_C_API tensorgate_writer* tensorgate_writer_create(const char* path,
                                                             const tensorgate_save_options* options,
                                                             tensorgate_error** error);
/* A tensor whose bytes stay where they are until the file is finished. */
TENSORGATE_C_API int tensorgate_writer_add(tensorgate_writer* writer, tensorgate_text name,
                                           tensorgate_dtype dtype, const uint64_t* shape,
                                           size_t rank, const void* bytes, size_t length,
                                           tensorgate_error** error);
/* A tensor whose bytes are asked for when they are written. */
TENSORGATE_C_API int tensorgate_writer_add_callback(tensorgate_writer* writer, tensorgate_text name,
                                                    tensorgate_dtype dtype, const uint64_t* shape,
                                                    size_t rank, tensorgate_data_function data,
                                                    void* context, tensorgate_error** error);
/* A tensor of a checkpoint, which must outlive the writer; between files the kernel copies. */
TENSORGATE_C_API int tensorgate_writer_add_from(tensorgate_writer* writer, tensorgate_text name,
                                                const tensorgate_checkpoint* checkpoint,
                                                size_t index, tensorgate_error** error);
TENSORGATE_C_API int tensorgate_writer_finish(tensorgate_writer* writer, tensorgate_error** error);
/* Without a finish that succeeded nothing is left of it. */
TENSORGATE_C_API void tensorgate_writer_free(tensorgate_writer* writer);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* TENSORGATE_C_H_ */
