//! fred. Its defaults never reconnect, so both variants have the policy that its documentation's example sets.
//! Tuned: unresponsive connections are given up after a second.

use std::time::Duration;

use fred::prelude::*;
use standfast_bench_peers::{Task, word, write};

#[tokio::main]
async fn main() {
    let task = Task::read();
    let server = ServerConfig::new_sentinel(task.sentinels, task.master);
    let mut builder = Builder::from_config(Config { server, ..Config::default() });
    builder.set_policy(ReconnectPolicy::new_exponential(0, 100, 30_000, 2));
    if task.tuned {
        builder.set_policy(ReconnectPolicy::new_exponential(0, 50, 500, 2));
        builder.with_performance_config(|c| c.default_command_timeout = Duration::from_secs(1));
        builder.with_connection_config(|c| {
            c.connection_timeout = Duration::from_millis(500);
            c.internal_command_timeout = Duration::from_millis(500);
            c.unresponsive.max_timeout = Some(Duration::from_secs(1));
            c.unresponsive.interval = Duration::from_millis(250);
        });
    }
    let client = builder.build().expect("a client");
    client.init().await.expect("a connection");
    write(async |number| {
        let added: Result<i64, Error> = client.sadd(&task.key, number as i64).await;
        added.map(|_| ()).map_err(|e| word(e.kind()))
    })
    .await;
}
