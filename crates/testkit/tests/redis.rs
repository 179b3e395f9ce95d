//! The private Redis, as tests break it.

use std::time::Duration;

use testkit::redis::Redis;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn ask(redis: &Redis, command: &str) -> std::io::Result<String> {
    let address = redis.url().trim_start_matches("redis://").to_owned();
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn it_pauses_dies_and_comes_back_empty_on_its_port() {
    let mut redis = Redis::start().await.unwrap();
    assert!(ask(&redis, "SET paid 7").await.unwrap().starts_with("+OK"));

    redis.pause().unwrap();
    let hung = tokio::time::timeout(Duration::from_millis(300), ask(&redis, "GET paid")).await;
    assert!(hung.is_err(), "{hung:?}");
    redis.resume().unwrap();
    assert!(ask(&redis, "GET paid").await.unwrap().starts_with("$1\r\n7"));

    assert!(redis.restart().await.is_err(), "it still runs");
    redis.kill_9().await.unwrap();
    assert!(ask(&redis, "PING").await.is_err());
    redis.restart().await.unwrap();
    assert!(ask(&redis, "GET paid").await.unwrap().starts_with("$-1"));
}
