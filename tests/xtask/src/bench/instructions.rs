//! What Sentinel costs a command: the instructions of a call over a link that was found through sentinels, beside one over a link to the same server
//! that was given directly. Counted by callgrind, so that the machine's mood does not matter.

use std::{io::Write, path::Path, process::Stdio};

use anyhow::{Context, Result, ensure};

use super::server::Server;
use crate::repo::Repo;

const TARGET: f64 = 1.02;

/// The lines of the report.
pub(super) fn sentinel_beside_direct(repo: &Repo, quick: bool) -> Result<String> {
    let server = Server::start()?;
    let calls = if quick { [500, 1_500] } else { [2_000, 12_000] };
    let mut each = Vec::new();
    for url in [server.url(), server.sentinel_url()] {
        let totals = [total(repo, &url, calls[0])?, total(repo, &url, calls[1])?];
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        each.push((totals[1] - totals[0]) as f64 / f64::from(calls[1] - calls[0]));
    }
    let ratio = each[1] / each[0];
    Ok(format!(
        "\n**Sentinel mode beside direct mode**, instructions of a blocking call under callgrind, everything that the process does meanwhile included: \
         {:.0} direct, {:.0} through Sentinel: {ratio:.3} (target ≤ {TARGET}: {})\n",
        each[0],
        each[1],
        if ratio <= TARGET { "met" } else { "**missed**" }
    ))
}

/// The instructions of a process that makes so many calls.
fn total(repo: &Repo, url: &str, calls: u32) -> Result<i64> {
    let out = repo.output("bench/logs")?.join("instructions.callgrind");
    let mut command = repo.command("valgrind");
    command.args(["--tool=callgrind", "--quiet"]).arg(format!("--callgrind-out-file={}", out.display()));
    command.arg(repo.path("target/release/bench-standfast-blocking"));
    command.env_remove("LD_LIBRARY_PATH");
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().context("starting valgrind")?;
    let mut input = child.stdin.take().context("the input is a pipe")?;
    write!(input, "connect {url}\ncount {calls}\n")?;
    drop(input);
    let status = child.wait()?;
    ensure!(status.success(), "callgrind of {calls} calls ended with {status}");
    read_total(&out)
}

/// The sum at the end of a file of callgrind's.
pub(crate) fn read_total(file: &Path) -> Result<i64> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let number = text.lines().rev().find_map(|line| line.strip_prefix("totals:").or(line.strip_prefix("summary:")));
    number.and_then(|number| number.trim().parse().ok()).with_context(|| format!("no total in {}", file.display()))
}
