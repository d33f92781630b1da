//! A peer on the crate zeromq. peers.ts has the contract.
use peers::{compared, message, verdict, with_delimiter};
use std::io::BufRead;
use zeromq::{Socket, SocketRecv, SocketSend, ZmqMessage, ZmqResult};

enum App {
    Req(zeromq::ReqSocket),
    Dealer(zeromq::DealerSocket),
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments[1] == "app" {
        return app().await;
    }
    for pair in arguments[2..].chunks(2) {
        if pair[0] == "REP" {
            serve(zeromq::RepSocket::new(), &pair[0], &pair[1]).await;
        } else {
            serve(zeromq::RouterSocket::new(), &pair[0], &pair[1]).await;
        }
    }
    std::future::pending().await
}

async fn serve<S>(mut socket: S, kind: &str, address: &str)
where
    S: Socket + SocketRecv + SocketSend + Send + 'static,
{
    println!("serving {kind} {}", socket.bind(address).await.unwrap());
    let kind = kind.to_string();
    tokio::spawn(async move {
        loop {
            if let Err(error) = echo(&mut socket).await {
                eprintln!("{kind}: {error:?}");
            }
        }
    });
}

async fn echo<S: SocketRecv + SocketSend>(socket: &mut S) -> ZmqResult<()> {
    let message = socket.recv().await?;
    socket.send(message).await
}

async fn app() {
    let mut socket = None;
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        if words[0] == "open" {
            drop(socket.take());
            match open(words[1], words[2]).await {
                Ok(new) => {
                    socket = Some(new);
                    println!("opened");
                }
                Err(error) => println!("wrong: {error:?}"),
            }
            continue;
        }
        let count = words[1].parse().unwrap();
        println!("{}", verdict(ask(socket.as_mut().unwrap(), count, words[2]).await));
    }
}

async fn open(kind: &str, address: &str) -> ZmqResult<App> {
    if kind == "REQ" {
        let mut socket = zeromq::ReqSocket::new();
        socket.connect(address).await?;
        return Ok(App::Req(socket));
    }
    let mut socket = zeromq::DealerSocket::new();
    socket.connect(address).await?;
    Ok(App::Dealer(socket))
}

async fn ask(app: &mut App, count: usize, sizes: &str) -> Result<(), String> {
    match app {
        App::Req(socket) => {
            for number in 0..count {
                let wanted = message(number, sizes);
                send(socket, wanted.clone()).await?;
                compared(&receive(socket).await?, &wanted)?;
            }
        }
        App::Dealer(socket) => {
            for number in 0..count {
                send(socket, with_delimiter(message(number, sizes))).await?;
            }
            for number in 0..count {
                compared(&receive(socket).await?, &with_delimiter(message(number, sizes)))?;
            }
        }
    }
    Ok(())
}

async fn send(socket: &mut impl SocketSend, frames: Vec<Vec<u8>>) -> Result<(), String> {
    let mut frames = frames.into_iter();
    let mut message = ZmqMessage::from(frames.next().unwrap());
    frames.for_each(|frame| message.push_back(frame.into()));
    socket.send(message).await.map_err(|error| format!("{error:?}"))
}

async fn receive(socket: &mut impl SocketRecv) -> Result<Vec<Vec<u8>>, String> {
    let message = socket.recv().await.map_err(|error| format!("{error:?}"))?;
    Ok(message.into_vec().into_iter().map(|frame| frame.to_vec()).collect())
}
