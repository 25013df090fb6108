//! Asks napi-build for the link arguments of a Node addon: among them, on glibc, `nodelete`, because a worker that ends would
//! otherwise unload the code that the core's thread is still running.

fn main() {
    napi_build::setup();
}
