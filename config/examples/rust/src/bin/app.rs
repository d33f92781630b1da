use std::error::Error;
use zeromq::{ReqSocket, Socket, SocketRecv, SocketSend};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut socket = ReqSocket::new();
    socket.connect("tcp://127.0.0.1:5555").await?; // the sidecar
    for number in 1.. {
        socket.send(format!("order {number}").into()).await?;
        let reply = String::try_from(socket.recv().await?)?;
        if reply.starts_with(r#"{"lazypirate""#) {
            println!("order {number} failed: {reply}"); // no server could reply
        } else {
            println!("{reply}");
        }
    }
    Ok(())
}
