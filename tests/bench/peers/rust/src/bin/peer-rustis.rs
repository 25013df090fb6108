//! rustis. Tuned: commands and connections are given up after half a second.

use std::time::Duration;

use rustis::{
    client::{Client, Config, IntoConfig, SentinelConfig, ServerConfig},
    commands::SetCommands,
};
use standfast_bench_peers::{Task, word, write};

#[tokio::main]
async fn main() {
    let task = Task::read();
    let mut sentinel = SentinelConfig::default();
    sentinel.instances = task.sentinels;
    sentinel.service_name = task.master;
    let mut config = Config::default();
    config.server = ServerConfig::Sentinel(sentinel);
    if task.tuned {
        config.connect_timeout = Duration::from_millis(500);
        config.command_timeout = Duration::from_millis(500);
    }
    let client = Client::connect(config.into_config().expect("a configuration")).await.expect("a connection");
    write(async |number| client.sadd(&task.key, number).await.map(|_| ()).map_err(|e| word(e.kind()))).await;
}
