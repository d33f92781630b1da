import org.zeromq.SocketType;
import org.zeromq.ZContext;
import org.zeromq.ZMQ;

public class Server {
    public static void main(String[] args) throws InterruptedException {
        String port = args[0];
        try (ZContext context = new ZContext()) {
            ZMQ.Socket socket = context.createSocket(SocketType.REP);
            socket.bind("tcp://127.0.0.1:" + port);
            while (true) {
                String order = socket.recvStr();
                System.out.println(port + " works on " + order);
                Thread.sleep(500);
                socket.send(order + ": done by " + port);
            }
        }
    }
}
