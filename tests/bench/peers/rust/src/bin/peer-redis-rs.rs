//! redis-rs. Its `SentinelClient` is a factory: it asks the sentinels for each new connection and does not follow failovers, so the application keeps a
//! connection and asks for another one after an error that the documentation calls one of the connection or of the role.

use redis::{
    AsyncCommands, ErrorKind, RedisError, ServerErrorKind,
    sentinel::{SentinelClient, SentinelServerType},
};
use standfast_bench_peers::{Task, word, write};

#[tokio::main]
async fn main() {
    let Task { sentinels, master, key, .. } = Task::read();
    let nodes = sentinels.iter().map(|(host, port)| format!("redis://{host}:{port}/")).collect();
    let mut factory = SentinelClient::build(nodes, master, None, SentinelServerType::Master).expect("a factory");
    let mut connection = Some(factory.get_async_connection().await.expect("a connection"));
    write(async |number| {
        let result: Result<(), RedisError> = async {
            let mut open = match connection.take() {
                Some(open) => open,
                None => factory.get_async_connection().await?,
            };
            let added = open.sadd::<_, _, i64>(&key, number).await;
            let unfit = |e: &RedisError| {
                e.is_io_error()
                    || e.is_unrecoverable_error()
                    || e.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
            };
            if !added.as_ref().is_err_and(unfit) {
                connection = Some(open);
            }
            added.map(|_| ())
        }
        .await;
        result.map_err(|e| {
            e.code().map_or_else(|| if e.is_timeout() { "Timeout".into() } else { word(e.kind()) }, Into::into)
        })
    })
    .await;
}
