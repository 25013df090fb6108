use std::time::Duration;

use redis::AsyncCommands;
use standfast::Client;
use standfast_lab::{Lab, LabOptions};

/// A test of your own code: it kills the master and goes on. Needs `redis-server`, and `standfast-lab` among the dev-dependencies.
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let lab = Lab::start(LabOptions::default())?;
    let mut client = Client::connect(lab.url().as_str()).await?;
    let () = client.set("orders", 1).await?;
    lab.wait_replicated(Duration::from_secs(10))?; // Right after the start a replica may not have it yet.

    lab.kill(lab.master()?)?;
    let successor = lab.wait_writable(Duration::from_secs(30))?;

    assert_eq!(client.incr::<_, _, i64>("orders", 1).await?, 2, "what was written is still there");
    assert_eq!(client.status().master.map(|node| node.to_string()), Some(successor.node.to_string()));
    println!("orders: 2, and the master is {}", successor.node);
    Ok(())
}
