//! Gives the library its name for the dynamic linker: one for each incompatible version.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libmenshen.so.0");
}
