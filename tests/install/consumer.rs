// The C interface from another language: reads a model that was proven, or says why it was not.
//
//   rustc consumer.rs -L native=LIBDIR -l dylib=tensorgate
use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::os::unix::ffi::OsStrExt;

#[repr(C)]
struct Checkpoint {
    _private: [u8; 0],
}
#[repr(C)]
struct Error {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Clone, Copy)]
struct Text {
    bytes: *const c_char,
    length: usize,
}
#[repr(C)]
struct Tensor {
    struct_size: usize,
    name: Text,
    dtype: c_int,
    rank: usize,
    elements: u64,
    bytes: u64,
    part: usize,
    offset: u64,
    length: u64,
}

extern "C" {
    fn tensorgate_open_path(path: *const c_char, options: *const c_void, error: *mut *mut Error) -> *mut Checkpoint;
    fn tensorgate_checkpoint_free(checkpoint: *mut Checkpoint);
    fn tensorgate_tensor_count(checkpoint: *const Checkpoint) -> usize;
    fn tensorgate_tensor_at(checkpoint: *const Checkpoint, index: usize, tensor: *mut Tensor, error: *mut *mut Error) -> c_int;
    fn tensorgate_read(checkpoint: *const Checkpoint, index: usize, into: *mut c_void, length: usize,
                       options: *const c_void, error: *mut *mut Error) -> c_int;
    fn tensorgate_dtype_name(dtype: c_int) -> *const c_char;
    fn tensorgate_error_rule(error: *const Error) -> *const c_char;
    fn tensorgate_error_text(error: *const Error) -> *const c_char;
    fn tensorgate_error_free(error: *mut Error);
}

/// An owned error, as text.
fn told(error: *mut Error) -> String {
    // SAFETY: the library's error; its strings end with a NUL and live until it is freed here.
    unsafe {
        let text = format!("{}: {}", CStr::from_ptr(tensorgate_error_rule(error)).to_string_lossy(),
                           CStr::from_ptr(tensorgate_error_text(error)).to_string_lossy());
        tensorgate_error_free(error);
        text
    }
}

/// A model that exists only if it was proven.
struct Model(*mut Checkpoint);

impl Model {
    fn open(path: &std::ffi::OsStr) -> Result<Model, String> {
        let path = CString::new(path.as_bytes()).map_err(|e| e.to_string())?;
        let mut error = std::ptr::null_mut();
        // SAFETY: path ends with a NUL, error is ours to be written to, no options are the defaults.
        let handle = unsafe { tensorgate_open_path(path.as_ptr(), std::ptr::null(), &mut error) };
        if handle.is_null() { Err(told(error)) } else { Ok(Model(handle)) }
    }

    fn read(&self, index: usize) -> Result<(String, String, Vec<u8>), String> {
        let mut error = std::ptr::null_mut();
        let mut tensor: Tensor = unsafe { std::mem::zeroed() };
        tensor.struct_size = std::mem::size_of::<Tensor>();
        // SAFETY: the handle is valid, tensor says its size, the name lives as long as the handle, and the vector has as
        // many bytes as are announced.
        unsafe {
            if tensorgate_tensor_at(self.0, index, &mut tensor, &mut error) == 0 {
                return Err(told(error));
            }
            let name = std::slice::from_raw_parts(tensor.name.bytes.cast::<u8>(), tensor.name.length);
            let dtype = CStr::from_ptr(tensorgate_dtype_name(tensor.dtype)).to_string_lossy().into_owned();
            let mut data = vec![0u8; usize::try_from(tensor.bytes).map_err(|e| e.to_string())?];
            if tensorgate_read(self.0, index, data.as_mut_ptr().cast(), data.len(), std::ptr::null(), &mut error) == 0 {
                return Err(told(error));
            }
            Ok((String::from_utf8_lossy(name).into_owned(), dtype, data))
        }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: freed once.
        unsafe { tensorgate_checkpoint_free(self.0) }
    }
}

fn run() -> Result<(), String> {
    let model = Model::open(&std::env::args_os().nth(1).ok_or("usage: consumer FILE")?)?;
    // SAFETY: the handle is valid.
    for index in 0..unsafe { tensorgate_tensor_count(model.0) } {
        let (name, dtype, data) = model.read(index)?;
        println!("{name} {dtype} {}", data.len());
    }
    Ok(())
}

fn main() {
    if let Err(why) = run() {
        println!("{why}");
        std::process::exit(1);
    }
}
