/* Is this safetensors file safe to load? The C interface, for C11 and any C++.
 *
 *   tensorgate_report* report = tensorgate_check_path("model.safetensors", NULL);
 *   if (tensorgate_report_verdict(report) != TENSORGATE_ACCEPTED) {
 *     for (size_t i = 0; i < tensorgate_report_finding_count(report); ++i) {
 *       tensorgate_finding finding;
 *       finding.struct_size = sizeof finding;
 *       if (tensorgate_report_finding(report, i, &finding)) printf("%s: %s\n", finding.rule, finding.message);
 *     }
 *   }
 *   tensorgate_report_free(report);
 *
 * Guarantees: no call throws or ends the program. A check never returns NULL: running out of memory is a report
 * too, with the rule "io/out-of-memory". Every string is UTF-8 and ends with a NUL; text from the file in a message
 * is escaped, a subject is raw and hostile and may hold NULs, so it comes with its length.
 * Lifetime: what a report hands out lives until the report is freed. Threads: a report may be read by many.
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

/* `options` may be NULL for the defaults. A structure shorter than this header's is read as far as it goes; one that
 * holds a profile this library does not know is answered with TENSORGATE_UNDECIDED and no findings. */
TENSORGATE_C_API tensorgate_report* tensorgate_check_memory(const void* bytes, size_t length,
                                                            const tensorgate_options* options);
/* Reads by pread; the descriptor stays the caller's, and its offset is not used. */
TENSORGATE_C_API tensorgate_report* tensorgate_check_fd(int descriptor,
                                                        const tensorgate_options* options);
TENSORGATE_C_API tensorgate_report* tensorgate_check_path(const char* path,
                                                          const tensorgate_options* options);
TENSORGATE_C_API tensorgate_report* tensorgate_check_callback(uint64_t size,
                                                              tensorgate_read_function read,
                                                              void* context,
                                                              const tensorgate_options* options);

/* NULL is allowed everywhere below, and is undecided, empty and silent. */
TENSORGATE_C_API void tensorgate_report_free(tensorgate_report* report);
TENSORGATE_C_API tensorgate_verdict tensorgate_report_verdict(const tensorgate_report* report);
TENSORGATE_C_API size_t tensorgate_report_finding_count(const tensorgate_report* report);
/* Findings that were counted but not kept. */
TENSORGATE_C_API uint64_t tensorgate_report_dropped_findings(const tensorgate_report* report);
/* Fills what `finding->struct_size` covers; 0 and untouched where there is no such finding. */
TENSORGATE_C_API int tensorgate_report_finding(const tensorgate_report* report, size_t index,
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

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* TENSORGATE_C_H_ */
