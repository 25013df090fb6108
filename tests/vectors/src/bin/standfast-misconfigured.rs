//! `standfast-misconfigured`: for tests in other languages. Starts the servers, prints the vectors of `misconfigurations.json`
//! with their addresses as one line of JSON, and ends everything with the end of its input.

use std::io::{Read, Write};

use standfast_vectors::servers::Servers;

fn main() -> std::io::Result<()> {
    let servers = Servers::start();
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::Value::from(servers.vectors().to_vec()))?;
    out.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
