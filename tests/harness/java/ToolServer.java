import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.apache.kafka.common.utils.Exit;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.Property;
import org.apache.logging.log4j.core.layout.PatternLayout;
import org.slf4j.LoggerFactory;

/**
 * Runs the main methods of Kafka's tools in one JVM, several at a time, each as in a JVM of its own: with its own
 * standard streams, exit status, shutdown hooks and static fields.
 *
 * A line of standard input is a request: a number, a verb, and what the verb takes, each in Base64, an empty one as a
 * dash. "run CLASS STDIN ARGUMENT..." is answered when the tool has ended, "peek NUMBER" at once with what the run of
 * that number has printed so far, "stop NUMBER" when the shutdown hooks of that run, as by SIGTERM, have been run, and
 * "interrupt NUMBER" at once, for a run that hangs.
 * An answer is the request's number, the exit status (or "running"), standard output and standard error.
 */
public class ToolServer {
    /** Thrown in place of ending the JVM. */
    static final class Ended extends Error {
        Ended(int status) {
            super("status " + status, null, false, false);
        }
    }

    /** A tool that runs, with what would be its process. */
    static final class Run {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        final ByteArrayOutputStream err = new ByteArrayOutputStream();
        final InputStream in;
        /** What the tool does when its JVM ends: the console producer flushes there. */
        final List<Runnable> hooks = new ArrayList<>();
        /** The status the tool ended with; some catch what ends them, print it, and end once more. */
        volatile Integer ended;
        volatile boolean inHooks;
        volatile Thread main;
        final ClassLoader loader = new Fresh();

        Run(byte[] in) {
            this.in = new ByteArrayInputStream(in);
        }

        void runHooks() {
            List<Runnable> due;
            synchronized (hooks) {
                due = List.copyOf(hooks);
                hooks.clear();
            }
            inHooks = true;
            due.forEach(Runnable::run);
            plainHooks().forEach(hook -> {
                hook.start();
                joined(hook);
            });
        }

        /** Hooks that the tool gave to the JVM itself and not to Kafka's `Exit`. */
        private List<Thread> plainHooks() {
            synchronized (hooksOwner) {
                List<Thread> mine = plain.keySet().stream()
                    .filter(hook -> hook.getContextClassLoader() == loader).toList();
                mine.forEach(plain::remove);
                return mine;
            }
        }

        /** Whether a process would be gone by now, or at its shutdown hooks at most. */
        boolean silent() {
            return ended != null && !inHooks;
        }

        String answer(Object status) {
            return status + " " + encode(out) + " " + encode(err);
        }
    }

    /** Logs to the standard error of the tool that logs, a line each, as Kafka's own tools-log4j2.yaml does. */
    static final class Log extends AbstractAppender {
        /** log4j's own console appender shares a buffer, and mixes what several threads log. */
        private Log(PatternLayout layout) {
            super("tool", null, layout, false, Property.EMPTY_ARRAY);
        }

        static void begin() {
            LoggerFactory.getLogger(ToolServer.class);
            LoggerContext context = LoggerContext.getContext(false);
            Log log = new Log(PatternLayout.newBuilder()
                .withPattern("log|%p %c{1} %replace{%m %ex}{\\s+}{ }%n").build());
            log.start();
            context.getConfiguration().getRootLogger().addAppender(log, Level.WARN, null);
            context.updateLoggers();
        }

        @Override
        public void append(LogEvent event) {
            System.err.print(getLayout().toSerializable(event));
        }
    }

    /** Defines the tools' own classes anew, so that a run does not see what another left in static fields. */
    static final class Fresh extends ClassLoader {
        Fresh() {
            super(ToolServer.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (!name.startsWith("org.apache.kafka.tools.") && !name.startsWith("kafka.")) {
                return super.loadClass(name, resolve);
            }
            synchronized (getClassLoadingLock(name)) {
                Class<?> found = findLoadedClass(name);
                return found != null ? found : define(name);
            }
        }

        private Class<?> define(String name) throws ClassNotFoundException {
            try (InputStream file = getResourceAsStream(name.replace('.', '/') + ".class")) {
                if (file == null) {
                    throw new ClassNotFoundException(name);
                }
                byte[] bytes = file.readAllBytes();
                return defineClass(name, bytes, 0, bytes.length);
            } catch (IOException e) {
                throw new ClassNotFoundException(name, e);
            }
        }
    }

    /** The run that a thread belongs to; threads that a tool starts inherit it. */
    static final InheritableThreadLocal<Run> current = new InheritableThreadLocal<>();
    static final Map<String, Run> running = new ConcurrentHashMap<>();
    /** The JVM's own list of hooks; reached into by `--add-opens java.base/java.lang=ALL-UNNAMED`. */
    static final Class<?> hooksOwner = hooksOwner();
    static final Map<Thread, Thread> plain = jvmHooks();

    public static void main(String[] unused) throws Exception {
        Log.begin();
        Exit.setExitProcedure((status, message) -> end(status));
        Exit.setHaltProcedure((status, message) -> end(status));
        Exit.setShutdownHookAdder((name, hook) -> {
            Run run = current.get();
            synchronized (run.hooks) {
                run.hooks.add(hook);
            }
        });
        PrintStream answers = System.out;
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        divideStreams();
        for (String line; (line = requests.readLine()) != null; ) {
            String[] words = line.split(" ");
            byte[][] parts = Arrays.stream(words).skip(2).map(ToolServer::decode).toArray(byte[][]::new);
            serve(words[0], words[1], parts, answers);
        }
        Runtime.getRuntime().halt(0);
    }

    static void serve(String number, String verb, byte[][] parts, PrintStream answers) {
        Run run = verb.equals("run") ? new Run(parts[1]) : running.get(text(parts[0]));
        if (verb.equals("run")) {
            running.put(number, run);
        }
        Thread thread = new Thread(() -> {
            current.set(run);
            String answer = "gone - -";
            if (run != null) {
                switch (verb) {
                    case "run" -> {
                        run.main = Thread.currentThread();
                        answer = run.answer(call(run, parts));
                        running.remove(number);
                    }
                    case "stop" -> {
                        run.runHooks();
                        answer = run.answer("running");
                    }
                    case "interrupt" -> {
                        run.main.interrupt();
                        answer = run.answer("running");
                    }
                    default -> answer = run.answer("running");
                }
            }
            synchronized (answers) {
                answers.println(number + " " + answer);
                answers.flush();
            }
        }, "tool-" + number);
        thread.setDaemon(true);
        thread.start();
    }

    static int call(Run run, byte[][] parts) {
        int status = callMain(run, text(parts[0]), Arrays.stream(parts).skip(2).map(ToolServer::text).toArray(String[]::new));
        run.runHooks();
        System.out.flush();
        System.err.flush();
        return status;
    }

    static int callMain(Run run, String name, String[] arguments) {
        Thread.currentThread().setContextClassLoader(run.loader);
        try {
            run.loader.loadClass(name).getMethod("main", String[].class).invoke(null, (Object) arguments);
            return run.ended == null ? 0 : run.ended;
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof Ended) {
                return run.ended;
            }
            e.getCause().printStackTrace();
            return 1;
        } catch (ReflectiveOperationException e) {
            e.printStackTrace();
            return 127;
        }
    }

    static Class<?> hooksOwner() {
        try {
            return Class.forName("java.lang.ApplicationShutdownHooks");
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(e);
        }
    }

    @SuppressWarnings("unchecked")
    static Map<Thread, Thread> jvmHooks() {
        try {
            Field hooks = hooksOwner.getDeclaredField("hooks");
            hooks.setAccessible(true);
            return (Map<Thread, Thread>) hooks.get(null);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    static void joined(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    static void end(int status) {
        Run run = current.get();
        if (run.ended == null) {
            run.ended = status;
        }
        throw new Ended(status);
    }

    /** Prints to the run of the thread that prints, or elsewhere for threads of no run. */
    static final class Divided extends OutputStream {
        private final Function<Run, OutputStream> chosen;
        private final OutputStream otherwise;

        Divided(Function<Run, OutputStream> chosen, OutputStream otherwise) {
            this.chosen = chosen;
            this.otherwise = otherwise;
        }

        @Override
        public void write(int one) throws IOException {
            write(new byte[] {(byte) one}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int from, int count) throws IOException {
            Run run = current.get();
            if (run == null || !run.silent()) {
                (run == null ? otherwise : chosen.apply(run)).write(bytes, from, count);
            }
        }
    }

    static void divideStreams() {
        PrintStream errors = System.err;
        System.setOut(new PrintStream(new Divided(run -> run.out, errors), true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(new Divided(run -> run.err, errors), true, StandardCharsets.UTF_8));
        System.setIn(new InputStream() {
            @Override
            public int read() throws IOException {
                return current.get().in.read();
            }

            @Override
            public int read(byte[] into, int from, int count) throws IOException {
                return current.get().in.read(into, from, count);
            }
        });
    }

    static String text(byte[] part) {
        return new String(part, StandardCharsets.UTF_8);
    }

    static byte[] decode(String part) {
        return part.equals("-") ? new byte[0] : Base64.getDecoder().decode(part);
    }

    static String encode(ByteArrayOutputStream bytes) {
        byte[] copy = bytes.toByteArray();
        return copy.length == 0 ? "-" : Base64.getEncoder().encodeToString(copy);
    }
}
