use std::{env, error::Error, time::Duration};
use zeromq::{RepSocket, Socket, SocketRecv, SocketSend};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::args().nth(1).expect("a port");
    let mut socket = RepSocket::new();
    socket.bind(&format!("tcp://127.0.0.1:{port}")).await?;
    loop {
        let order = String::try_from(socket.recv().await?)?;
        println!("{port} works on {order}");
        tokio::time::sleep(Duration::from_millis(500)).await;
        socket.send(format!("{order}: done by {port}").into()).await?;
    }
}
