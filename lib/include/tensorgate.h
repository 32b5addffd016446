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
 * To get only the verdict, call tensorgate_check_path() or one of its siblings.
 *
 * Guarantees: no call throws or ends the program. A check never returns NULL: running out of
 * memory is a report, too, with the rule "io/out-of-memory". A checkpoint exists only if every
 * check of the strict profile passed, except one from tensorgate_extract_path(). Calls that read
 * deliver everything or an error; a file appears under its name whole or not at all.
 * Text: names, keys and subjects come from the file, raw and untrusted; they may contain NULs, so
 * they have a length. Messages and texts are UTF-8, end with a NUL, and escape what they quote.
 * Rules are stable ids; docs/rules.md explains each.
 * Errors: a call that can fail returns 0 or NULL; if `error` is not NULL, it stores a new error
 * there, which the caller frees. It writes to `*error` only in that case.
 * Lifetime: what a handle returns is valid until the handle is freed; freeing NULL does nothing. A
 * handle does not depend on the one it was created from, except where stated. A handle must not be
 * NULL, except where stated.
 * Threads: reports and checkpoints may be used by many threads at once; writers and everything
 * else by one at a time.
 * Growth: the caller sets struct_size of each structure to its sizeof; new members are only added
 * at the end.
 */
#ifndef TENSORGATE_C_H_
#define TENSORGATE_C_H_

#include <stddef.h>
#include <stdint.h>

#include "tensorgate/version.h"

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
  TENSORGATE_UNDECIDED = 2,  /* Not fully read, changed, or a limit exceeded. */
  TENSORGATE_UNSUPPORTED = 3 /* This library has no parser for it. */
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

/* Element types: the 22 of safetensors. Little-endian; those below 8 bits are packed, lowest bits
 * first. */
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
  /* A type that only the tensor's format has: see tensorgate_tensor.type_name. */
  TENSORGATE_NO_DTYPE = 255
} tensorgate_dtype;

/* A user's own list of functions and classes that a pickle may use in addition to PyTorch's;
 * trust.h describes its syntax. */
typedef struct tensorgate_trust_list tensorgate_trust_list;

/* Fill with tensorgate_options_init(), then change single members. */
typedef struct tensorgate_options {
  size_t struct_size;
  tensorgate_profile profile;
  uint32_t max_findings;
  /* Inclusive limits; exceeding one gives TENSORGATE_UNDECIDED. limits.def explains each of them.
   * */
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
  /* NULL: none. Used during the call only. Loading a file that uses an entry runs the code it
   * names. Opening ignores the list. */
  const tensorgate_trust_list* trusted;
  uint64_t max_spool_bytes; /* Bytes of a stream kept in a temporary file (tensorgate_stream). */
  /* Milliseconds that a call may take, counted from its start; for a stream, from its creation.
   * After that the verdict is TENSORGATE_UNDECIDED ("limit/time"). 0: no limit. */
  uint64_t timeout_ms;
  /* Called between reads and every few milliseconds of work, on the thread that made the call.
   * Returning 0 ends the check ("use/cancelled"); after that it must keep returning 0. NULL: none.
   * */
  int (*keep_going)(void* context);
  void* keep_going_context;
} tensorgate_options;

/* One rule that fired. Offsets are in bytes, from the start of the file. */
typedef struct tensorgate_finding {
  size_t struct_size;
  const char* rule; /* "safetensors/offsets-overlap": stable, never reused. */
  tensorgate_severity severity;
  int has_found; /* `found` holds a number. */
  int has_allowed;
  uint64_t offset;
  uint64_t found;
  uint64_t allowed;
  const char* subject; /* Raw bytes of the subject, at most 256; not NUL-terminated. */
  size_t subject_length;
  const char* message; /* One sentence, escaped. */
  /* What was found, if that is text: raw bytes like those of the subject. */
  const char* found_text;
  size_t found_text_length;
  /* Of the rule, for people: why it matters, what to do, "CWE-190"; "" if there is none. */
  const char* why;
  const char* fix;
  const char* cwe;
} tensorgate_finding;

typedef struct tensorgate_report tensorgate_report;

/* Reads up to `length` bytes at `offset` into `into`. Returns the number of bytes read (0 at the
 * end), or -1 on failure. */
typedef int64_t (*tensorgate_read_function)(void* context, uint64_t offset, void* into,
                                            size_t length);

/* "0.1.0" */
TENSORGATE_C_API const char* tensorgate_version(void);

/* Sets every member within `options->struct_size` to its default; set struct_size first. */
TENSORGATE_C_API void tensorgate_options_init(tensorgate_options* options);

/* `options` may be NULL for the defaults, here and below. If a structure is shorter than in this
 * header, the missing members have their defaults. With a profile that this library does not know,
 * a check gives TENSORGATE_UNDECIDED and "use/unknown-option", and opening fails with that rule.
 *
 * tensorgate_check_* checks any file. The format is detected from the content; the suffix of `path`
 * only decides whose rules refuse a file that is not recognized. */
TENSORGATE_C_API tensorgate_report* tensorgate_check_memory(const void* bytes, size_t length,
                                                            const tensorgate_options* options);
/* Reads with pread; the descriptor stays the caller's, and its file offset is neither used nor
 * changed. */
TENSORGATE_C_API tensorgate_report* tensorgate_check_fd(int descriptor,
                                                        const tensorgate_options* options);
/* For the index of a sharded checkpoint, the report covers all its shards. */
TENSORGATE_C_API tensorgate_report* tensorgate_check_path(const char* path,
                                                          const tensorgate_options* options);
TENSORGATE_C_API tensorgate_report* tensorgate_check_callback(uint64_t size,
                                                              tensorgate_read_function read,
                                                              void* context,
                                                              const tensorgate_options* options);

/* The same for callers that read only safetensors: a file of any other format is refused as
 * damaged. */
TENSORGATE_C_API tensorgate_report* tensorgate_check_safetensors_memory(
    const void* bytes, size_t length, const tensorgate_options* options);
TENSORGATE_C_API tensorgate_report* tensorgate_check_safetensors_fd(
    int descriptor, const tensorgate_options* options);
TENSORGATE_C_API tensorgate_report* tensorgate_check_safetensors_path(
    const char* path, const tensorgate_options* options);
TENSORGATE_C_API tensorgate_report* tensorgate_check_safetensors_callback(
    uint64_t size, tensorgate_read_function read, void* context, const tensorgate_options* options);

/* ---- Streams: bytes that arrive in order and whose number is not known in advance (an upload, a
 * pipe). Judged as by tensorgate_check_*. Files that can only be judged as a whole (archives,
 * pickles) are kept in an unnamed temporary file in /var/tmp. Use a stream from one thread at a
 * time. */

typedef struct tensorgate_stream tensorgate_stream;

/* `name`: the file's name, used for its suffix, as in tensorgate_check_path; NULL if there is none.
 * Returns NULL only if memory runs out. */
TENSORGATE_C_API tensorgate_stream* tensorgate_stream_create(const char* name,
                                                             const tensorgate_options* options);
/* Adds the next bytes. Returns 0 if the verdict is certain whatever follows, or if the stream is
 * NULL: send no more. */
TENSORGATE_C_API int tensorgate_stream_feed(tensorgate_stream* stream, const void* bytes,
                                            size_t length);
/* Returns the report and frees the stream. `at_end` is 0 if the stream stopped early. */
TENSORGATE_C_API tensorgate_report* tensorgate_stream_finish(tensorgate_stream* stream, int at_end);

/* Each report below may be NULL: it is then undecided and has no findings. */
TENSORGATE_C_API void tensorgate_report_free(tensorgate_report* report);
TENSORGATE_C_API tensorgate_verdict tensorgate_report_verdict(const tensorgate_report* report);
/* "safetensors"; "unknown" if no format was recognized. */
TENSORGATE_C_API const char* tensorgate_report_format(const tensorgate_report* report);
/* What a rejected file would do, the worst first: "runs-code", "foreign-classes", "malformed",
 * "damaged", "not-the-model". "" for other verdicts. It explains, and decides nothing. */
TENSORGATE_C_API const char* tensorgate_report_impact(const tensorgate_report* report);
TENSORGATE_C_API size_t tensorgate_report_finding_count(const tensorgate_report* report);
/* Number of findings that were counted but not kept. */
TENSORGATE_C_API uint64_t tensorgate_report_dropped_findings(const tensorgate_report* report);
/* Fills the members within `finding->struct_size`. Returns 0 and changes nothing if there is no
 * such finding. */
TENSORGATE_C_API int tensorgate_report_finding(const tensorgate_report* report, size_t index,
                                               tensorgate_finding* finding);
/* The same for the reason why the file is not accepted: its first error, or for an unsupported file
 * the note that says what it is. Returns 0 if the file is accepted. */
TENSORGATE_C_API int tensorgate_report_reason(const tensorgate_report* report,
                                              tensorgate_finding* finding);
/* Facts about a header that could be read; otherwise 0. */
TENSORGATE_C_API uint64_t tensorgate_report_tensor_count(const tensorgate_report* report);
TENSORGATE_C_API uint64_t tensorgate_report_header_bytes(const tensorgate_report* report);
TENSORGATE_C_API uint64_t tensorgate_report_data_bytes(const tensorgate_report* report);
TENSORGATE_C_API uint64_t tensorgate_report_bytes_read(const tensorgate_report* report);
/* The report for people, as `tensorgate scan` prints it. "" if memory runs out. */
TENSORGATE_C_API const char* tensorgate_report_text(const tensorgate_report* report);
/* The report as one JSON object without a line break. "" if memory runs out. */
TENSORGATE_C_API const char* tensorgate_report_json(const tensorgate_report* report);

/* ---- Errors. Each of these calls accepts NULL and then returns "", 0 or NULL. */

typedef struct tensorgate_error tensorgate_error;

TENSORGATE_C_API void tensorgate_error_free(tensorgate_error* error);
/* "io/short-read" */
TENSORGATE_C_API const char* tensorgate_error_rule(const tensorgate_error* error);
/* Position in the file, in bytes. */
TENSORGATE_C_API uint64_t tensorgate_error_offset(const tensorgate_error* error);
/* Index of the file in the checkpoint, if reading it failed; otherwise 0. */
TENSORGATE_C_API size_t tensorgate_error_part(const tensorgate_error* error);
/* errno, if the system gave a reason; otherwise 0. */
TENSORGATE_C_API int tensorgate_error_system(const tensorgate_error* error);
/* One sentence. */
TENSORGATE_C_API const char* tensorgate_error_text(const tensorgate_error* error);
/* If a file could not be opened: the full report, owned by the error. Otherwise NULL. */
TENSORGATE_C_API const tensorgate_report* tensorgate_error_report(const tensorgate_error* error);

/* ---- A trust list, for the options of checks. The text may be freed after the call; an error's
 * text names the line. */

TENSORGATE_C_API tensorgate_trust_list* tensorgate_trust_list_parse(const char* text, size_t length,
                                                                    tensorgate_error** error);
TENSORGATE_C_API void tensorgate_trust_list_free(tensorgate_trust_list* list);

/* ---- Opening reads only the header, and always checks by the strict profile. */

typedef struct tensorgate_checkpoint tensorgate_checkpoint;

/* A single file, or a checkpoint of several files by its index or folder. */
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
/* `read` and `context` must outlive the checkpoint; `read` is called on one thread at a time. */
TENSORGATE_C_API tensorgate_checkpoint* tensorgate_open_callback(uint64_t size,
                                                                 tensorgate_read_function read,
                                                                 void* context,
                                                                 const tensorgate_options* options,
                                                                 tensorgate_error** error);
TENSORGATE_C_API void tensorgate_checkpoint_free(tensorgate_checkpoint* checkpoint);

/* ---- Contents. Tensors are in the order of their files, then of their data. */

/* Text from the file: raw, valid UTF-8, not NUL-terminated. */
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
  /* Size of the tensor when it is read: in C order. */
  uint64_t bytes;
  size_t part;     /* Index of the file in the checkpoint. */
  uint64_t offset; /* Position and length in that file, in bytes. */
  uint64_t length;
  tensorgate_text type_name; /* "F32", "Q4_K". */
  uint32_t block_elements;   /* Elements are stored in blocks of this many elements ... */
  uint32_t block_bytes;      /* ... and this many bytes. */
} tensorgate_tensor;

typedef struct tensorgate_part {
  size_t struct_size;
  tensorgate_text path; /* As it was opened; empty if there is none. */
  uint64_t size;
} tensorgate_part;

TENSORGATE_C_API size_t tensorgate_tensor_count(const tensorgate_checkpoint* checkpoint);
/* Returns 1 and the tensor's index in `*index` if there is a tensor with this name; otherwise 0. */
TENSORGATE_C_API int tensorgate_find(const tensorgate_checkpoint* checkpoint, const char* name,
                                     size_t name_length, size_t* index);
/* Fills the members within `tensor->struct_size`. */
TENSORGATE_C_API int tensorgate_tensor_at(const tensorgate_checkpoint* checkpoint, size_t index,
                                          tensorgate_tensor* tensor, tensorgate_error** error);
/* The tensor's dimensions. `room` is the capacity of `shape`, in dimensions, and must be at least
 * the tensor's rank. */
TENSORGATE_C_API int tensorgate_shape(const tensorgate_checkpoint* checkpoint, size_t index,
                                      uint64_t* shape, size_t room, tensorgate_error** error);
/* The same for the distances between neighboring elements in the file, in elements, for callers
 * that use a mapping. Tensors of PyTorch checkpoints may not be in C order in the file; the calls
 * below always read them in C order. */
TENSORGATE_C_API int tensorgate_stride(const tensorgate_checkpoint* checkpoint, size_t index,
                                       uint64_t* stride, size_t room, tensorgate_error** error);
TENSORGATE_C_API size_t tensorgate_metadata_count(const tensorgate_checkpoint* checkpoint);
/* Returns 0 if there is no such entry. If the value is not text, its pointer is NULL. */
TENSORGATE_C_API int tensorgate_metadata_at(const tensorgate_checkpoint* checkpoint, size_t index,
                                            tensorgate_text* key, tensorgate_text* value);
TENSORGATE_C_API int tensorgate_metadata_find(const tensorgate_checkpoint* checkpoint,
                                              const char* key, size_t key_length,
                                              tensorgate_text* value);
TENSORGATE_C_API size_t tensorgate_part_count(const tensorgate_checkpoint* checkpoint);
/* Fills the members within `part->struct_size`. Returns 0 if there is no such part. */
TENSORGATE_C_API int tensorgate_part_at(const tensorgate_checkpoint* checkpoint, size_t index,
                                        tensorgate_part* part);
/* A copy of the accepted report, with its warnings and notes; the caller frees it. For a checkpoint
 * from tensorgate_extract_path() it says why the source is refused. */
TENSORGATE_C_API tensorgate_report* tensorgate_checkpoint_report(
    const tensorgate_checkpoint* checkpoint);
/* Returns 0 and an error if a file of the checkpoint is known to have changed since it was opened.
 * */
TENSORGATE_C_API int tensorgate_unchanged(const tensorgate_checkpoint* checkpoint,
                                          tensorgate_error** error);

/* "BF16"; NULL for a number that is not a dtype. */
TENSORGATE_C_API const char* tensorgate_dtype_name(tensorgate_dtype dtype);
/* Bits per element; 0 for a number that is not a dtype. */
TENSORGATE_C_API unsigned tensorgate_dtype_bits(tensorgate_dtype dtype);
/* Finds a dtype by the format's spelling; returns 0 if there is none. */
TENSORGATE_C_API int tensorgate_dtype_find(const char* name, tensorgate_dtype* dtype);

/* ---- Extraction: tensors from a PyTorch checkpoint that was refused, without running anything in
 * it. extract.h says what this promises. The file stays refused: loading it runs its code. */

/* Values are stable; a caller must treat one it does not know as "left out". */
typedef enum tensorgate_outcome {
  TENSORGATE_TAKEN = 0,     /* Reached through containers of known types only. */
  TENSORGATE_AS_STORED = 1, /* In an object of a foreign class, which may treat it differently. */
  TENSORGATE_LEFT_OUT = 2   /* Not in the checkpoint. */
} tensorgate_outcome;

/* What was taken from the refused files of a checkpoint, and what was left out. */
typedef struct tensorgate_extraction tensorgate_extraction;

/* Of all files. */
typedef struct tensorgate_extraction_counts {
  size_t struct_size;
  uint64_t taken;
  uint64_t as_stored;
  uint64_t left_out;
  /* Further names of the tensors that are not listed, because there are too many. */
  uint64_t names_dropped;
} tensorgate_extraction_counts;

/* Texts are raw, as all text from the file. */
typedef struct tensorgate_extraction_entry {
  size_t struct_size;
  tensorgate_outcome outcome;
  tensorgate_text name;   /* The tensor's path; the checkpoint has it under this name. */
  tensorgate_text holder; /* As stored: the class that holds it, "module.Class". */
  tensorgate_text reason; /* Left out: why. */
  tensorgate_text dtype;  /* PyTorch's name; empty if it is not known to be a tensor. */
  const uint64_t* shape;  /* `rank` dimensions, owned by the extraction. */
  size_t rank;
  uint64_t offset; /* Offset in its file of the opcode that creates it. */
  size_t part;     /* Index of its file, as in tensorgate_tensor. */
} tensorgate_extraction_entry;

/* Opens a file, an index of shards or a folder as `tensorgate convert --extract` does, and returns
 * the tensors that were taken: all calls above and below read them. An accepted file gives all its
 * tensors. If `extraction` is not NULL, stores there a new handle, which the caller frees.
 *
 * Fails with the report if the container is not proven or the file is neither accepted nor
 * rejected, and with "convert/names-changed" or "convert/nothing-extracted" if no tensor can be
 * taken. Stores NULL in `*extraction` if it fails, but with "convert/nothing-extracted" a handle
 * if there is a list of what was left out. */
TENSORGATE_C_API tensorgate_checkpoint* tensorgate_extract_path(const char* path,
                                                                const tensorgate_options* options,
                                                                tensorgate_extraction** extraction,
                                                                tensorgate_error** error);
TENSORGATE_C_API void tensorgate_extraction_free(tensorgate_extraction* extraction);
/* Fills the members within `counts->struct_size`. Returns 0 if that is too small. */
TENSORGATE_C_API int tensorgate_extraction_count(const tensorgate_extraction* extraction,
                                                 tensorgate_extraction_counts* counts);
/* Entries of all files, in the order of the files and in each of the pickle. The tensors of an
 * accepted file are not listed. */
TENSORGATE_C_API size_t tensorgate_extraction_entry_count(const tensorgate_extraction* extraction);
/* Fills the members within `entry->struct_size`. Returns 0 if there is no such entry. */
TENSORGATE_C_API int tensorgate_extraction_entry_at(const tensorgate_extraction* extraction,
                                                    size_t index,
                                                    tensorgate_extraction_entry* entry);
/* The number of files, which is that of the checkpoint's parts. */
TENSORGATE_C_API size_t tensorgate_extraction_part_count(const tensorgate_extraction* extraction);
/* A copy of a file's report, which says why it is refused or that it is accepted; the caller frees
 * it. NULL if there is no such file. */
TENSORGATE_C_API tensorgate_report* tensorgate_extraction_report(
    const tensorgate_extraction* extraction, size_t part);

/* ---- Reading. After an error the contents of the caller's memory are unspecified. */

/* Bytes so far, total bytes. Returning 0 cancels ("use/cancelled"). */
typedef int (*tensorgate_progress_function)(void* context, uint64_t done, uint64_t total);

/* Fill with zeros, then set struct_size: zero means the default. */
typedef struct tensorgate_load_options {
  size_t struct_size;
  unsigned threads;                      /* 0: one for each processor, up to 16. */
  size_t block_bytes;                    /* Bytes that one thread reads at a time. 0: 8 MiB. */
  tensorgate_progress_function progress; /* Called on the caller's thread. NULL: none. */
  void* progress_context;
  /* Tensors of a PyTorch checkpoint can share or repeat bytes of their file. One call returns at
   * most 4 * file size + repeated_bytes bytes; a larger request fails with "use/expands". 0: 64
   * MiB; 1 effectively disables it. */
  uint64_t repeated_bytes;
} tensorgate_load_options;

/* Destination of one tensor; `length` must be exactly the tensor's size in bytes. */
typedef struct tensorgate_destination {
  size_t index;
  void* into;
  size_t length;
} tensorgate_destination;

/* Reads one tensor; `length` must be its size in bytes. `options` may be NULL, here and below. */
TENSORGATE_C_API int tensorgate_read(const tensorgate_checkpoint* checkpoint, size_t index,
                                     void* into, size_t length,
                                     const tensorgate_load_options* options,
                                     tensorgate_error** error);
/* Reads many tensors in parallel, each into caller-owned memory. The destinations must not overlap.
 * */
TENSORGATE_C_API int tensorgate_read_many(const tensorgate_checkpoint* checkpoint,
                                          const tensorgate_destination* destinations, size_t count,
                                          const tensorgate_load_options* options,
                                          tensorgate_error** error);

/* Tensors in one aligned block of memory, in huge pages if it is large. */
typedef struct tensorgate_loaded tensorgate_loaded;

/* Loads the `count` tensors whose indices are in `which`; all of them if `which` is NULL. */
TENSORGATE_C_API tensorgate_loaded* tensorgate_load(const tensorgate_checkpoint* checkpoint,
                                                    const size_t* which, size_t count,
                                                    const tensorgate_load_options* options,
                                                    tensorgate_error** error);
/* The `index`-th of the requested tensors; NULL and length 0 if there is none. */
TENSORGATE_C_API void* tensorgate_loaded_bytes(tensorgate_loaded* loaded, size_t index,
                                               size_t* length);
TENSORGATE_C_API void tensorgate_loaded_free(tensorgate_loaded* loaded);

/* A memory mapping of a file, which is read as it is accessed. If another process truncates the
 * file, this process receives SIGBUS; if it writes to the file, values change. The checked header
 * is not in the mapping. If others may write to the file, read it instead. */
typedef struct tensorgate_mapping tensorgate_mapping;

TENSORGATE_C_API tensorgate_mapping* tensorgate_map(const tensorgate_checkpoint* checkpoint,
                                                    size_t part, tensorgate_error** error);
/* The whole file; a tensor starts at its `offset`. */
TENSORGATE_C_API const void* tensorgate_mapping_bytes(const tensorgate_mapping* mapping,
                                                      size_t* length);
TENSORGATE_C_API void tensorgate_mapping_free(tensorgate_mapping* mapping);

/* ---- Slices, as in NumPy: negative numbers count from the end, ranges are clamped. */

typedef enum tensorgate_subscript_kind {
  TENSORGATE_INDEX = 0,    /* `start`: one index of the dimension, which is removed. */
  TENSORGATE_RANGE = 1,    /* start:stop:step; has_start and has_stop say which ends are given. */
  TENSORGATE_ELLIPSIS = 2, /* All dimensions not mentioned; at most once. */
  TENSORGATE_NEW_AXIS = 3  /* An additional dimension of size 1 in the result. */
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
  size_t rank;    /* Rank of the result, which is in C order. */
  uint64_t bytes; /* Size of the result in bytes. */
  uint64_t reads; /* Number of reads from the file, and the bytes they read in total. */
  uint64_t read_bytes;
} tensorgate_slice;

/* The result of the subscripts and the cost of reading it. `shape` may be NULL; otherwise it
 * receives the first `room` dimensions of the result. */
TENSORGATE_C_API int tensorgate_plan_slice(const tensorgate_checkpoint* checkpoint, size_t index,
                                           const tensorgate_subscript* subscripts, size_t count,
                                           tensorgate_slice* slice, uint64_t* shape, size_t room,
                                           tensorgate_error** error);
/* Reads only what is needed; `length` must be the slice's size in bytes. */
TENSORGATE_C_API int tensorgate_read_slice(const tensorgate_checkpoint* checkpoint, size_t index,
                                           const tensorgate_subscript* subscripts, size_t count,
                                           void* into, size_t length,
                                           const tensorgate_load_options* options,
                                           tensorgate_error** error);

/* ---- Saving. The same input gives the same bytes, which are those of the format's reference. */

typedef struct tensorgate_metadata_entry {
  tensorgate_text key;
  tensorgate_text value;
} tensorgate_metadata_entry;

/* Fill with zeros, then set struct_size: zero means the default. */
typedef struct tensorgate_save_options {
  size_t struct_size;
  const tensorgate_metadata_entry* metadata; /* NULL: the file has none. */
  size_t metadata_count;
  uint64_t alignment; /* Alignment of the data: a power of two from 8 to 1 MiB. 0: 8. */
  int as_given;       /* Tensors in the order given. 0: the reference's, by dtype and name. */
  int no_sync;        /* Do not wait for the disk. */
  /* 0: one file. Otherwise shards of at most this many bytes of tensors, and an index. */
  uint64_t max_shard_bytes;
  tensorgate_progress_function progress;
  void* progress_context;
} tensorgate_save_options;

/* Puts bytes [offset, offset + length) of a tensor into `into`; called in ascending order.
 * Returning 0 ends the saving. */
typedef int (*tensorgate_data_function)(void* context, uint64_t offset, void* into, size_t length);

typedef struct tensorgate_writer tensorgate_writer;

/* Nothing appears at `path` until tensorgate_writer_finish() succeeds. The contents of `options`
 * are copied. */
TENSORGATE_C_API tensorgate_writer* tensorgate_writer_create(const char* path,
                                                             const tensorgate_save_options* options,
                                                             tensorgate_error** error);
/* Adds a tensor whose bytes must stay valid and unchanged until the file is finished. */
TENSORGATE_C_API int tensorgate_writer_add(tensorgate_writer* writer, tensorgate_text name,
                                           tensorgate_dtype dtype, const uint64_t* shape,
                                           size_t rank, const void* bytes, size_t length,
                                           tensorgate_error** error);
/* Adds a tensor whose bytes are requested from `data` when they are written. */
TENSORGATE_C_API int tensorgate_writer_add_callback(tensorgate_writer* writer, tensorgate_text name,
                                                    tensorgate_dtype dtype, const uint64_t* shape,
                                                    size_t rank, tensorgate_data_function data,
                                                    void* context, tensorgate_error** error);
/* Adds a tensor of a checkpoint, which must outlive the writer; between files the kernel copies. */
TENSORGATE_C_API int tensorgate_writer_add_from(tensorgate_writer* writer, tensorgate_text name,
                                                const tensorgate_checkpoint* checkpoint,
                                                size_t index, tensorgate_error** error);
TENSORGATE_C_API int tensorgate_writer_finish(tensorgate_writer* writer, tensorgate_error** error);
/* Unless tensorgate_writer_finish() succeeded, nothing is left on disk. */
TENSORGATE_C_API void tensorgate_writer_free(tensorgate_writer* writer);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* TENSORGATE_C_H_ */
