//! The reference implementation of safetensors behind a C interface, for tests, fuzz targets and
//! benchmarks. The header is `reference.h`; both state the same functions.
//!
//! A panic of the crate is caught and told, never printed: a differential test must be able to say
//! that the reference panicked, and go on.

use safetensors::{SafeTensorError, SafeTensors};
use std::ffi::c_char;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Once;

const ACCEPTED: i32 = 0;
const REJECTED: i32 = 1;
const PANICKED: i32 = 2;

/// The variant's name: what the `reference` profile predicts.
fn kind(error: &SafeTensorError) -> &'static str {
    match error {
        SafeTensorError::InvalidHeader(_) => "InvalidHeader",
        SafeTensorError::InvalidHeaderDeserialization(_) => "InvalidHeaderDeserialization",
        SafeTensorError::HeaderTooLarge => "HeaderTooLarge",
        SafeTensorError::HeaderTooSmall => "HeaderTooSmall",
        SafeTensorError::InvalidHeaderLength => "InvalidHeaderLength",
        SafeTensorError::TensorNotFound(_) => "TensorNotFound",
        SafeTensorError::TensorInvalidInfo => "TensorInvalidInfo",
        SafeTensorError::InvalidOffset(_) => "InvalidOffset",
        SafeTensorError::IoError(_) => "IoError",
        SafeTensorError::JsonError(_) => "JsonError",
        SafeTensorError::InvalidTensorView(..) => "InvalidTensorView",
        SafeTensorError::MetadataIncompleteBuffer => "MetadataIncompleteBuffer",
        SafeTensorError::ValidationOverflow => "ValidationOverflow",
        SafeTensorError::MisalignedSlice => "MisalignedSlice",
    }
}

/// # Safety
/// `data` must point to `size` readable bytes, or be null with `size` 0.
unsafe fn bytes<'a>(data: *const u8, size: usize) -> &'a [u8] {
    if size == 0 {
        &[]
    } else {
        std::slice::from_raw_parts(data, size)
    }
}

/// Writes `text` and a NUL, cut to `capacity` bytes.
///
/// # Safety
/// `into` must point to `capacity` writable bytes.
unsafe fn put(text: &str, into: *mut c_char, capacity: usize) {
    if capacity == 0 {
        return;
    }
    let length = text.len().min(capacity - 1);
    std::ptr::copy_nonoverlapping(text.as_ptr().cast(), into, length);
    *into.add(length) = 0;
}

fn guarded<T>(call: impl FnOnce() -> T) -> Option<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    catch_unwind(AssertUnwindSafe(call)).ok()
}

/// 0 accepted, 1 rejected (`error` names the error), 2 the reference panicked.
///
/// # Safety
/// `data` and `error` must point to `size` readable and `error_capacity` writable bytes.
#[no_mangle]
pub unsafe extern "C" fn tg_reference_check(
    data: *const u8,
    size: usize,
    error: *mut c_char,
    error_capacity: usize,
) -> i32 {
    let buffer = bytes(data, size);
    match guarded(|| SafeTensors::deserialize(buffer).map(drop)) {
        None => {
            put("panic", error, error_capacity);
            PANICKED
        }
        Some(Ok(())) => {
            put("", error, error_capacity);
            ACCEPTED
        }
        Some(Err(found)) => {
            put(kind(&found), error, error_capacity);
            REJECTED
        }
    }
}

/// One tensor: its name, dtype, dimensions and its range relative to the data's begin.
pub type TensorCallback = unsafe extern "C" fn(
    context: *mut std::ffi::c_void,
    name: *const u8,
    name_size: usize,
    dtype: *const u8,
    dtype_size: usize,
    shape: *const u64,
    rank: usize,
    begin: u64,
    end: u64,
);

/// Calls `each` for every tensor, in no particular order. Returns the number of tensors, or -1 if
/// the file is refused.
///
/// # Safety
/// `data` must point to `size` readable bytes; `each` must be callable with `context`.
#[no_mangle]
pub unsafe extern "C" fn tg_reference_tensors(
    data: *const u8,
    size: usize,
    each: Option<TensorCallback>,
    context: *mut std::ffi::c_void,
) -> i64 {
    let buffer = bytes(data, size);
    let Some(Ok((_, metadata))) = guarded(|| SafeTensors::read_metadata(buffer)) else {
        return -1;
    };
    let tensors = metadata.tensors();
    if let Some(each) = each {
        for (name, info) in &tensors {
            let dtype = info.dtype.to_string();
            let shape: Vec<u64> = info.shape.iter().map(|&dimension| dimension as u64).collect();
            each(
                context,
                name.as_ptr(),
                name.len(),
                dtype.as_ptr(),
                dtype.len(),
                shape.as_ptr(),
                shape.len(),
                info.data_offsets.0 as u64,
                info.data_offsets.1 as u64,
            );
        }
    }
    tensors.len() as i64
}

/// Runs `SafeTensors::read_metadata` and frees its result: what a benchmark measures.
/// 0 accepted, 1 rejected, 2 panicked.
///
/// # Safety
/// `data` must point to `size` readable bytes.
#[no_mangle]
pub unsafe extern "C" fn tg_reference_read_metadata(data: *const u8, size: usize) -> i32 {
    let buffer = bytes(data, size);
    match guarded(|| SafeTensors::read_metadata(buffer).map(drop)) {
        None => PANICKED,
        Some(Ok(())) => ACCEPTED,
        Some(Err(_)) => REJECTED,
    }
}
