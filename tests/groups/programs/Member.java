import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Queue;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/** A group's member that is Kafka's own consumer. It says and is asked what speech.py has: JSON lines. */
public class Member implements ConsumerRebalanceListener {
    static final ObjectMapper JSON = new ObjectMapper();
    static final String PACKAGE = "org.apache.kafka.clients.consumer.";
    static final Map<String, String> ASSIGNORS = Map.of(
        "range", PACKAGE + "RangeAssignor", "roundrobin", PACKAGE + "RoundRobinAssignor",
        "cooperative", PACKAGE + "CooperativeStickyAssignor",
        "default", PACKAGE + "RangeAssignor," + PACKAGE + "CooperativeStickyAssignor");

    final Queue<JsonNode> commands = new ConcurrentLinkedQueue<>();
    final Set<TopicPartition> owned = new TreeSet<>((a, b) -> a.toString().compareTo(b.toString()));
    final KafkaConsumer<String, String> consumer;
    final boolean always;
    /** What was processed and is still owned. A commit that a rebalance refuses is tried again, as applications do. */
    final Map<TopicPartition, OffsetAndMetadata> uncommitted = new HashMap<>();

    Member(JsonNode asked) {
        consumer = new KafkaConsumer<>(settings(asked), new StringDeserializer(), new StringDeserializer());
        always = asked.path("commit").asText().equals("always");
        if (!asked.path("pattern").isTextual()) {
            List<String> topics = new ArrayList<>();
            asked.path("topics").forEach(topic -> topics.add(topic.asText()));
            consumer.subscribe(topics, this);
        } else if (asked.path("protocol").asText().equals("consumer")) {
            consumer.subscribe(new SubscriptionPattern(asked.path("pattern").asText()), this);
        } else {
            consumer.subscribe(java.util.regex.Pattern.compile(asked.path("pattern").asText()), this);
        }
    }

    static Properties settings(JsonNode asked) {
        Properties found = new Properties();
        found.put("bootstrap.servers", asked.path("bootstrap").asText());
        found.put("group.id", asked.path("group").asText());
        found.put("group.protocol", asked.path("protocol").asText());
        found.put("enable.auto.commit", "false");
        found.put("auto.offset.reset", "earliest");
        found.put("max.poll.interval.ms", asked.path("rebalance_ms").asText());
        found.put("metadata.max.age.ms", "1000");
        found.put("reconnect.backoff.max.ms", "500");
        if (asked.path("protocol").asText().equals("classic")) {
            found.put("session.timeout.ms", asked.path("session_ms").asText());
            found.put("heartbeat.interval.ms", "1000");
            found.put("partition.assignment.strategy", ASSIGNORS.get(asked.path("assignor").asText()));
        } else if (asked.path("assignor").isTextual()) {
            found.put("group.remote.assignor", asked.path("assignor").asText());
        }
        if (asked.path("instance").isTextual()) {
            found.put("group.instance.id", asked.path("instance").asText());
        }
        return found;
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        owned.addAll(partitions);
        sayOwned("assigned");
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        dropped(partitions);
        sayOwned("revoked");
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        dropped(partitions);
        sayOwned("lost");
    }

    void dropped(Collection<TopicPartition> partitions) {
        owned.removeAll(partitions);
        uncommitted.keySet().removeAll(partitions);
    }

    void sayOwned(String why) {
        say("owned", Map.of("partitions", owned.stream().map(each -> List.of(each.topic(), each.partition())).toList(),
            "why", why));
    }

    static void say(String event, Map<String, ?> fields) {
        Map<String, Object> line = new HashMap<>(fields);
        line.put("event", event);
        try {
            System.out.println(JSON.writeValueAsString(line));
        } catch (java.io.IOException e) {
            throw new IllegalStateException(e);
        }
    }

    void run() {
        while (true) {
            JsonNode command = commands.poll();
            if (command != null && command.path("do").asText().equals("leave")) {
                break;
            }
            if (command != null) {
                obey(command);
            }
            ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(50));
            if (!records.isEmpty()) {
                process(records);
            }
            if (!uncommitted.isEmpty() && keep(Map.copyOf(uncommitted))) {
                uncommitted.clear();
            }
        }
        consumer.close();
        say("closed", Map.of());
    }

    void process(ConsumerRecords<String, String> records) {
        List<List<Object>> found = new ArrayList<>();
        for (ConsumerRecord<String, String> each : records) {
            found.add(List.of(each.topic(), each.partition(), each.offset(), each.value()));
            if (always) {
                uncommitted.put(new TopicPartition(each.topic(), each.partition()), new OffsetAndMetadata(each.offset() + 1));
            }
        }
        say("records", Map.of("records", found));
    }

    void obey(JsonNode command) {
        switch (command.path("do").asText()) {
            case "commit" -> {
                Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                for (TopicPartition each : owned) {
                    offsets.put(each, new OffsetAndMetadata(consumer.position(each), command.path("metadata").asText()));
                }
                keep(offsets);
            }
            case "fetch" -> say("fetched", Map.of("offsets", listed(consumer.committed(owned))));
            case "seek" -> {
                consumer.committed(owned).forEach((each, kept) -> consumer.seek(each, kept.offset()));
                say("sought", Map.of());
            }
            default -> throw new IllegalArgumentException(command.toString());
        }
    }

    boolean keep(Map<TopicPartition, OffsetAndMetadata> offsets) {
        try {
            consumer.commitSync(offsets);
            say("committed", Map.of("offsets", listed(offsets)));
            return true;
        } catch (KafkaException e) {
            say("refused", Map.of("error", e.toString()));
            return false;
        }
    }

    static List<List<Object>> listed(Map<TopicPartition, OffsetAndMetadata> offsets) {
        List<List<Object>> found = new ArrayList<>();
        offsets.forEach((each, kept) -> {
            if (kept != null) {
                found.add(List.of(each.topic(), each.partition(), kept.offset(), kept.metadata()));
            }
        });
        return found;
    }

    public static void main(String[] arguments) throws Exception {
        Member member = new Member(JSON.readTree(arguments[0]));
        Thread reader = new Thread(() -> {
            try (BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
                for (String line; (line = lines.readLine()) != null; ) {
                    member.commands.add(JSON.readTree(line));
                }
                member.commands.add(JSON.readTree("{\"do\": \"leave\"}"));
            } catch (java.io.IOException e) {
                System.exit(1);
            }
        });
        reader.setDaemon(true);
        reader.start();
        member.run();
    }
}
