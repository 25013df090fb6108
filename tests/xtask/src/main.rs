//! The project's own commands: `cargo xtask demo`, `test`, `soak`, `bench`, `codegen`, `commands` and `setup`.
//!
//! This file reads the command line and says what each command needs; everything else has a file of its own.

mod bench;
mod build;
mod commands;
mod count;
mod demo;
mod faces;
mod guard;
mod progress;
mod repo;
mod results;
mod run;
mod setup;
mod soak;
mod statistics;
mod steps;
mod test;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand, ValueEnum};

use crate::repo::Repo;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Standfast's own commands", version)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Follow a planned failover and a kill -9 through every language, and show what each of them saw.
    Demo {
        /// Rust alone: nothing but Redis is installed, nothing but Rust is built.
        #[arg(long)]
        quick: bool,
    },
    /// Run the tests; closes with `N passed, N failed`.
    Test {
        /// What to test.
        #[arg(value_enum, default_value_t = Area::All)]
        area: Area,
    },
    /// What a test run has no time for: hours of failovers, millions of histories. Goes on where it was interrupted.
    Soak(soak::SoakArgs),
    /// Measure, beside other projects' clients if you like.
    Bench(bench::BenchArgs),
    /// Rewrite what is generated and committed: the C header, the tables and snippets of the documentation.
    Codegen,
    /// Ask a Redis and a Valkey server what their commands are, and rewrite the table of commands.
    Commands {
        /// The Redis server.
        #[arg(long, default_value = "redis-server")]
        redis: PathBuf,
        /// The Valkey server.
        #[arg(long, default_value = "valkey-server")]
        valkey: PathBuf,
    },
    /// Install what `demo` and `test` need, and nothing else.
    Setup,
}

/// A part of the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Area {
    /// Formatting, lints, core, lab, behaviour, documentation.
    Core,
    /// The C library: C and C++ programs, plain and under valgrind.
    C,
    /// The Python package and its types.
    Python,
    /// The Node package and its types.
    Node,
    /// The C# assembly on mono.
    Csharp,
    /// That header, error codes, versions, README and examples agree.
    Drift,
    /// Everything.
    All,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    guard::install()?;
    let repo = Repo::find()?;
    match cli.task {
        Task::Demo { quick } => {
            setup::ensure(&repo, &setup::for_demo(quick))?;
            let faces = build::faces(&repo, quick)?;
            demo::run(demo::DemoArgs { faces, out_dir: repo.fresh_output("demo")? })
        }
        Task::Test { area } => {
            setup::ensure(&repo, &setup::for_test(area))?;
            test::run(&repo, area)
        }
        Task::Soak(args) => {
            setup::ensure(&repo, &soak::NEEDS)?;
            soak::run(&repo, &args)
        }
        Task::Bench(args) => bench::run(&repo, &args),
        Task::Codegen => build::codegen(&repo),
        Task::Commands { redis, valkey } => commands::run(&repo, &redis, &valkey),
        Task::Setup => {
            setup::ensure(&repo, &setup::for_test(Area::All))?;
            println!("Everything that demo and test need is here.");
            Ok(ExitCode::SUCCESS)
        }
    }
}
