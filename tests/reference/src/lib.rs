//! The reference implementation of safetensors through a C interface, for tests, fuzz targets and
//! benchmarks. The header is `reference.h`; both declare the same functions.
//!
//! A panic of the crate is caught and reported, never printed: a differential test must be able to
//! report that the reference panicked, and continue.

use safetensors::tensor::{serialize, Dtype, TensorView};
use safetensors::{SafeTensorError, SafeTensors};
use std::ffi::c_char;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Once;

const ACCEPTED: i32 = 0;
const REJECTED: i32 = 1;
const PANICKED: i32 = 2;

/// The variant's name, which the `reference` profile predicts.
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

/// Writes `text` and a NUL, truncated to `capacity` bytes.
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

/// One tensor: its name, dtype, dimensions and its range relative to the start of the data.
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

/// Runs `SafeTensors::read_metadata` and frees its result, for benchmarks.
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

/// A tensor for the crate's writer.
#[repr(C)]
pub struct NamedTensor {
    name: *const u8,
    name_size: usize,
    dtype: usize,
    shape: *const u64,
    rank: usize,
    data: *const u8,
    size: usize,
}

/// A metadata entry for the crate's writer.
#[repr(C)]
pub struct MetadataEntry {
    key: *const u8,
    key_size: usize,
    value: *const u8,
    value_size: usize,
}

/// In the order of the crate's enumeration.
const DTYPES: [Dtype; 22] = [
    Dtype::BOOL,
    Dtype::F4,
    Dtype::F6_E2M3,
    Dtype::F6_E3M2,
    Dtype::U8,
    Dtype::I8,
    Dtype::F8_E5M2,
    Dtype::F8_E4M3,
    Dtype::F8_E8M0,
    Dtype::F8_E4M3FNUZ,
    Dtype::F8_E5M2FNUZ,
    Dtype::I16,
    Dtype::U16,
    Dtype::F16,
    Dtype::BF16,
    Dtype::I32,
    Dtype::U32,
    Dtype::F32,
    Dtype::C64,
    Dtype::F64,
    Dtype::I64,
    Dtype::U64,
];

/// # Safety
/// As `bytes`; the bytes must be UTF-8.
unsafe fn text(data: *const u8, size: usize) -> String {
    String::from_utf8(bytes(data, size).to_vec()).expect("UTF-8")
}

/// # Safety
/// As `slice::from_raw_parts`, but a null pointer is allowed for an empty slice.
unsafe fn items<'a, T>(data: *const T, count: usize) -> &'a [T] {
    if count == 0 {
        &[]
    } else {
        std::slice::from_raw_parts(data, count)
    }
}

/// Serializes tensors; `metadata` may be null. Returns null if the crate refuses or panics; otherwise the
/// bytes, which must be passed to `tg_reference_free`.
///
/// # Safety
/// All pointers must point to as many items as their sizes say; texts must be UTF-8.
#[no_mangle]
pub unsafe extern "C" fn tg_reference_serialize(
    tensors: *const NamedTensor,
    count: usize,
    metadata: *const MetadataEntry,
    metadata_count: usize,
    size: *mut usize,
) -> *mut u8 {
    let serialized = guarded(|| {
        let views: Vec<(String, TensorView)> = items(tensors, count)
            .iter()
            .map(|tensor| {
                let shape = items(tensor.shape, tensor.rank).iter().map(|&d| d as usize).collect();
                let data = bytes(tensor.data, tensor.size);
                let view = TensorView::new(DTYPES[tensor.dtype], shape, data).expect("a tensor");
                (text(tensor.name, tensor.name_size), view)
            })
            .collect();
        let entries = (!metadata.is_null()).then(|| {
            items(metadata, metadata_count)
                .iter()
                .map(|e| (text(e.key, e.key_size), text(e.value, e.value_size)))
                .collect()
        });
        serialize(views, entries).ok()
    });
    match serialized {
        Some(Some(file)) => {
            let file = file.into_boxed_slice();
            *size = file.len();
            Box::into_raw(file).cast()
        }
        _ => std::ptr::null_mut(),
    }
}

/// # Safety
/// `data` and `size` must come from `tg_reference_serialize`.
#[no_mangle]
pub unsafe extern "C" fn tg_reference_free(data: *mut u8, size: usize) {
    drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(data, size)));
}
