//! The C library and the programs that use it.

use super::{Step, core::tests};
use crate::repo::Repo;

pub(super) fn steps(repo: &Repo) -> Vec<Step> {
    vec![build(repo), tests(repo, "c", "standfast-c").after(&["build-c", "build-lab"])]
}

/// `libstandfast.so`, and beside it the name by which linked programs ask for it: cargo knows no SONAME.
pub(super) fn build(repo: &Repo) -> Step {
    let soname = concat!("libstandfast.so.", env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));
    let mut link = repo.command("ln");
    link.args(["-sfn", "libstandfast.so"]).arg(repo.built(soname));
    Step::build("build-c", vec![repo.cargo(&["build", "--locked", "--package", "standfast-c"]), link])
}

/// The demo's face, compiled as the strictest user would.
pub(super) fn build_face(repo: &Repo) -> Step {
    let folder = repo.path("target/debug");
    let mut gcc = repo.command("gcc");
    gcc.args(["-std=c99", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O1", "-pthread"])
        .arg("-I")
        .arg(repo.path("bindings-c/include"))
        .arg(repo.path("bindings-c/examples/face.c"))
        .arg("-o")
        .arg(repo.built("face-c"))
        .arg("-L")
        .arg(&folder)
        .arg("-lstandfast")
        .arg(format!("-Wl,-rpath,{}", folder.display()));
    Step::build("build-c-face", vec![gcc]).after(&["build-c"])
}
