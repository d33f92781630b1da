import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.zeromq.ZMQ;

/** A peer on JeroMQ, from 0.3 to 0.6. peers.ts has the contract. */
public class Peer {
    static final ZMQ.Context context = ZMQ.context(1);

    public static void main(String[] args) throws Exception {
        if (args[0].equals("app")) app();
        else
            try {
                for (int at = 1; at < args.length; at += 2) serve(args[at], args[at + 1]);
            } catch (Exception error) {
                // A thread that serves another address already would keep this process alive.
                error.printStackTrace();
                System.exit(1);
            }
    }

    static void serve(String type, String address) throws Exception {
        ZMQ.Socket socket = context.socket(type.equals("REP") ? ZMQ.REP : ZMQ.ROUTER);
        if (address.endsWith(":0")) {
            // A port that the system chooses is never one that it also gives to a connection, as a random one may be.
            try (ServerSocket free = new ServerSocket(0)) {
                address = address.substring(0, address.length() - 1) + free.getLocalPort();
            }
        }
        socket.bind(address);
        System.out.println("serving " + type + " " + address);
        Thread thread = new Thread(() -> {
            for (;;) send(socket, receive(socket));
        });
        thread.start();
    }

    static void app() throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        ZMQ.Socket socket = null;
        boolean isReq = true;
        for (String line; (line = lines.readLine()) != null;) {
            String[] words = line.split(" ");
            if (words[0].equals("open")) {
                if (socket != null) socket.close();
                isReq = words[1].equals("REQ");
                socket = context.socket(isReq ? ZMQ.REQ : ZMQ.DEALER);
                socket.setLinger(0);
                if (words.length > 3) heartbeats(socket, Integer.parseInt(words[3]));
                socket.connect(words[2]);
                System.out.println("opened");
            } else System.out.println(ask(socket, isReq, Integer.parseInt(words[1]), words[2].split(",")));
        }
        System.exit(0);
    }

    /** Older versions have no such method. */
    static void heartbeats(ZMQ.Socket socket, int intervalMs) throws Exception {
        socket.getClass().getMethod("setHeartbeatIvl", int.class).invoke(socket, intervalMs);
        socket.getClass().getMethod("setHeartbeatTimeout", int.class).invoke(socket, 60_000);
    }

    static String ask(ZMQ.Socket socket, boolean isReq, int count, String[] sizes) {
        if (!isReq) for (int number = 0; number < count; number++) send(socket, withDelimiter(message(number, sizes)));
        for (int number = 0; number < count; number++) {
            List<byte[]> asked = message(number, sizes);
            if (isReq) send(socket, asked);
            List<byte[]> wanted = isReq ? asked : withDelimiter(asked);
            List<byte[]> came = receive(socket);
            if (came.size() != wanted.size()) return "wrong: " + came.size() + " frames, not " + wanted.size();
            for (int frame = 0; frame < wanted.size(); frame++)
                if (!Arrays.equals(came.get(frame), wanted.get(frame))) return "wrong: frame " + frame;
        }
        return "right";
    }

    static List<byte[]> message(int number, String[] sizes) {
        List<byte[]> frames = new ArrayList<>();
        for (int frame = 0; frame < sizes.length; frame++) {
            byte[] bytes = new byte[Integer.parseInt(sizes[frame])];
            for (int at = 0; at < bytes.length; at++) bytes[at] = (byte) (at * 31 + frame * 7 + number * 13);
            frames.add(bytes);
        }
        return frames;
    }

    static List<byte[]> withDelimiter(List<byte[]> body) {
        List<byte[]> frames = new ArrayList<>(body);
        frames.add(0, new byte[0]);
        return frames;
    }

    static void send(ZMQ.Socket socket, List<byte[]> frames) {
        int last = frames.size() - 1;
        for (int frame = 0; frame <= last; frame++) socket.send(frames.get(frame), frame < last ? ZMQ.SNDMORE : 0);
    }

    static List<byte[]> receive(ZMQ.Socket socket) {
        List<byte[]> frames = new ArrayList<>();
        do frames.add(socket.recv(0));
        while (socket.hasReceiveMore());
        return frames;
    }
}
