use standfast::{Channels, Client, Item};

/// Quick start: `cargo run --example quickstart -- redis+sentinel://s1,s2,s3/mymaster`
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("give a URL")?;
    let client = Client::connect(url.as_str()).await?;
    client.command(redis::cmd("SET").arg("greeting").arg("hello")).await?;
    println!("greeting: {:?}", client.command(redis::cmd("GET").arg("greeting")).await?);
    let news = client.subscribe(Channels::new(["news"]))?;
    news.ready().await?;
    client.command(redis::cmd("PUBLISH").arg("news").arg("it works")).await?;
    while let Some(item) = news.next().await {
        if let Item::Message(message) = item {
            println!("news: {}", String::from_utf8_lossy(&message.payload));
            break;
        }
    }
    Ok(())
}
