use redis::AsyncCommands;
use standfast::{Channels, Client, Item};

/// Quick start: `cargo run --example quickstart -- redis+sentinel://s1,s2,s3/mymaster`
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("give a URL")?;
    let mut client = Client::connect(url.as_str()).await?;
    let () = client.set("greeting", "hello").await?;
    println!("greeting: {}", client.get::<_, String>("greeting").await?);
    let news = client.subscribe(Channels::new(["news"]))?;
    news.ready().await?;
    client.publish("news", "it works").await?;
    while let Some(item) = news.next().await {
        if let Item::Message(message) = item {
            println!("news: {}", String::from_utf8_lossy(&message.payload));
            break;
        }
    }
    Ok(())
}
