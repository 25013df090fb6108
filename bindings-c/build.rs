//! Gives the shared library its SONAME, which cargo does not. Writes nothing.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // cargo-c passes a soname of its own.
    if std::env::var_os("CARGO_FEATURE_CAPI").is_some() {
        return;
    }
    let part = |name: &str| std::env::var(format!("CARGO_PKG_VERSION_{name}")).unwrap_or_default();
    // While the major version is 0, each minor version has an ABI of its own.
    let abi = format!("{}.{}", part("MAJOR"), part("MINOR"));
    match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("linux") => println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libstandfast.so.{abi}"),
        Ok("macos") => {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libstandfast.{abi}.dylib");
        }
        _ => {}
    }
}
