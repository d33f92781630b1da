//! A peer on the crate rzmq. peers.ts has the contract.
use peers::{compared, message, verdict, with_delimiter};
use rzmq::socket::options::{AUTO_DELIMITER, HEARTBEAT_IVL, LAST_ENDPOINT, RECONNECT_IVL};
use rzmq::{Context, Msg, Socket, SocketType, ZmqError};
use std::io::BufRead;

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let context = Context::new().unwrap();
    if arguments[1] == "app" {
        return app(context).await;
    }
    for pair in arguments[2..].chunks(2) {
        serve(&context, &pair[0], &pair[1]).await.unwrap();
    }
    std::future::pending().await
}

async fn serve(context: &Context, kind: &str, address: &str) -> Result<(), ZmqError> {
    let is_rep = kind == "REP";
    let socket = context.socket(if is_rep { SocketType::Rep } else { SocketType::Router })?;
    if !is_rep {
        socket.set_option(AUTO_DELIMITER, 0).await?;
    }
    socket.bind(address).await?;
    let bound = socket.get_option(LAST_ENDPOINT).await?;
    println!("serving {kind} {}", String::from_utf8_lossy(&bound));
    let kind = kind.to_string();
    tokio::spawn(async move {
        loop {
            if let Err(error) = echo(&socket).await {
                eprintln!("{kind}: {error:?}");
            }
        }
    });
    Ok(())
}

async fn echo(socket: &Socket) -> Result<(), ZmqError> {
    let message = socket.recv_multipart().await?;
    socket.send_multipart(message).await
}

async fn app(context: Context) {
    let mut open: Option<(bool, Socket)> = None;
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        if words[0] == "ask" {
            let (is_req, socket) = open.as_ref().unwrap();
            let count = words[1].parse().unwrap();
            println!("{}", verdict(ask(socket, *is_req, count, words[2]).await));
            continue;
        }
        if let Some((_, socket)) = open.take() {
            socket.close().await.unwrap();
        }
        let is_req = words[1] == "REQ";
        let heartbeat = words.get(3).map(|interval| interval.parse().unwrap());
        match connected(&context, is_req, words[2], heartbeat).await {
            Ok(socket) => {
                open = Some((is_req, socket));
                println!("opened");
            }
            Err(error) => println!("wrong: {error:?}"),
        }
    }
}

async fn connected(
    context: &Context,
    is_req: bool,
    address: &str,
    heartbeat: Option<i32>,
) -> Result<Socket, ZmqError> {
    let socket = context.socket(if is_req { SocketType::Req } else { SocketType::Dealer })?;
    socket.set_option(RECONNECT_IVL, 50).await?;
    if !is_req {
        socket.set_option(AUTO_DELIMITER, 0).await?;
    }
    if let Some(interval) = heartbeat {
        socket.set_option(HEARTBEAT_IVL, interval).await?;
    }
    socket.connect(address).await?;
    Ok(socket)
}

async fn ask(socket: &Socket, is_req: bool, count: usize, sizes: &str) -> Result<(), String> {
    if is_req {
        for number in 0..count {
            let wanted = message(number, sizes);
            send(socket, wanted.clone()).await?;
            compared(&receive(socket).await?, &wanted)?;
        }
        return Ok(());
    }
    for number in 0..count {
        send(socket, with_delimiter(message(number, sizes))).await?;
    }
    for number in 0..count {
        compared(&receive(socket).await?, &with_delimiter(message(number, sizes)))?;
    }
    Ok(())
}

async fn send(socket: &Socket, frames: Vec<Vec<u8>>) -> Result<(), String> {
    let mut messages: Vec<Msg> = frames.into_iter().map(Msg::from_vec).collect();
    // A REQ takes single messages only by this call.
    let sent = match messages.len() {
        1 => socket.send(messages.remove(0)).await,
        _ => socket.send_multipart(messages).await,
    };
    sent.map_err(|error| format!("{error:?}"))
}

async fn receive(socket: &Socket) -> Result<Vec<Vec<u8>>, String> {
    let frames = socket.recv_multipart().await.map_err(|error| format!("{error:?}"))?;
    Ok(frames.iter().map(|frame| frame.data().unwrap_or_default().to_vec()).collect())
}
