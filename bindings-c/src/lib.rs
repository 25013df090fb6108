//! `libstandfast`: Standfast for C, and through C for C#.
//!
//! This crate turns C arguments into calls of `standfast-core` and results into handles, statuses and texts. It decides
//! nothing about Redis. The header `include/standfast.h` is generated from the exports of this crate and committed; its
//! opening comment states the rules that hold for every function. How handles work is told in
//! `core/docs/decisions/0001-handles.md`.

#![warn(missing_docs)]
#![expect(non_camel_case_types, reason = "the names of types are those of the C header")]
#![expect(
    clippy::missing_safety_doc,
    reason = "the comments of exports are the header; its opening comment has the rules"
)]

#[cfg(not(target_pointer_width = "64"))]
compile_error!("a handle is a slot number, a generation and a type in the 64 bits of a pointer");

mod arena;
mod boundary;
mod handle;
#[cfg(test)]
mod header;

pub mod client;
pub mod error;
pub mod logs;
pub mod options;
pub mod queue;
pub mod reply;
pub mod subscription;
pub mod version;
