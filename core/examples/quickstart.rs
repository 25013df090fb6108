use standfast::{Channels, Client, Item};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::connect(std::env::var("STANDFAST_URL")?.as_str()).await?;
    let news = client.subscribe(Channels::new(["news"]))?;
    news.ready().await?; // the server has confirmed: from here on nothing is missed unseen
    client.command(redis::cmd("PUBLISH").arg("news").arg("hello")).await?;
    match news.next().await {
        Some(Item::Message(message)) => println!("{}", String::from_utf8_lossy(&message.payload)),
        other => println!("{other:?}"), // a gap: messages may be missing here
    }
    Ok(())
}
