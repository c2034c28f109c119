import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs the main methods of Kafka's tools, one per line of standard input, in one JVM.
 * A request is the class, its standard input and its arguments; an answer is the exit status and
 * what was printed. Every part is Base64, an empty one a dash.
 */
public class ToolServer {
    /** Thrown in place of ending the JVM. */
    static final class Ended extends Error {
        Ended(int status) {
            super("status " + status, null, false, false);
        }
    }

    /** What the tool at hand does when its JVM ends: the console producer flushes there. */
    static final List<Runnable> hooks = new ArrayList<>();

    /** The status a tool ended with; some catch what ends them and end once more, with another. */
    static Integer ended;

    static void end(int status) {
        if (ended == null) {
            ended = status;
        }
        throw new Ended(status);
    }

    public static void main(String[] unused) throws Exception {
        Exit.setExitProcedure((status, message) -> end(status));
        Exit.setHaltProcedure((status, message) -> end(status));
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        PrintStream answers = System.out;
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line; (line = requests.readLine()) != null; ) {
            byte[][] parts = Arrays.stream(line.split(" ")).map(ToolServer::decode).toArray(byte[][]::new);
            answers.println(run(parts));
            answers.flush();
        }
        Runtime.getRuntime().halt(0);
    }

    static String run(byte[][] parts) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        String[] arguments = new String[parts.length - 2];
        for (int i = 0; i < arguments.length; i++) {
            arguments[i] = new String(parts[i + 2], StandardCharsets.UTF_8);
        }
        System.setIn(new ByteArrayInputStream(parts[1]));
        System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
        ended = null;
        int status = call(new String(parts[0], StandardCharsets.UTF_8), arguments);
        hooks.forEach(Runnable::run);
        hooks.clear();
        System.out.flush();
        System.err.flush();
        return status + " " + encode(out) + " " + encode(err);
    }

    static int call(String name, String[] arguments) {
        try {
            Class.forName(name).getMethod("main", String[].class).invoke(null, (Object) arguments);
            return 0;
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof Ended) {
                return ended;
            }
            e.getCause().printStackTrace();
            return 1;
        } catch (ReflectiveOperationException e) {
            e.printStackTrace();
            return 127;
        }
    }

    static byte[] decode(String part) {
        return part.equals("-") ? new byte[0] : Base64.getDecoder().decode(part);
    }

    static String encode(ByteArrayOutputStream bytes) {
        return bytes.size() == 0 ? "-" : Base64.getEncoder().encodeToString(bytes.toByteArray());
    }
}
