import org.zeromq.SocketType;
import org.zeromq.ZContext;
import org.zeromq.ZMQ;

public class App {
    public static void main(String[] args) {
        try (ZContext context = new ZContext()) {
            ZMQ.Socket socket = context.createSocket(SocketType.REQ);
            socket.connect("tcp://127.0.0.1:5555"); // the sidecar
            for (int number = 1; ; number++) {
                socket.send("order " + number);
                String reply = socket.recvStr();
                if (reply.startsWith("{\"lazypirate\"")) // no server could reply
                    System.out.println("order " + number + " failed: " + reply);
                else
                    System.out.println(reply);
            }
        }
    }
}
