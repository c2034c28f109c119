import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicIdPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * A share group's member that is Kafka's own share consumer (KIP-932). Told `explicit`, it polls again once it was
 * told what became of every record that it has; otherwise each poll accepts what the one before gave.
 */
public class ShareMember {
    static final ObjectMapper JSON = new ObjectMapper();

    final Queue<JsonNode> commands = new ConcurrentLinkedQueue<>();
    /** By topic, partition and offset. */
    final Map<List<Object>, ConsumerRecord<String, String>> held = new HashMap<>();
    final KafkaShareConsumer<String, String> consumer;
    final boolean explicit;

    ShareMember(JsonNode asked) throws Exception {
        configure(asked);
        explicit = asked.path("explicit").asBoolean();
        consumer = new KafkaShareConsumer<>(settings(asked), new StringDeserializer(), new StringDeserializer());
        consumer.setAcknowledgementCommitCallback((offsets, error) -> {
            if (error != null) {
                say("late", Map.of("error", error.toString(), "offsets", offsets.toString()));
            }
        });
        List<String> topics = new ArrayList<>();
        asked.path("topics").forEach(topic -> topics.add(topic.asText()));
        consumer.subscribe(topics);
    }

    /** Gives the group its settings. */
    static void configure(JsonNode asked) throws Exception {
        List<AlterConfigOp> operations = new ArrayList<>();
        asked.path("settings").properties().forEach(setting -> operations.add(new AlterConfigOp(
            new ConfigEntry(setting.getKey(), setting.getValue().asText()), AlterConfigOp.OpType.SET)));
        if (operations.isEmpty()) {
            return;
        }
        ConfigResource group = new ConfigResource(ConfigResource.Type.GROUP, asked.path("group").asText());
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", asked.path("bootstrap").asText()))) {
            admin.incrementalAlterConfigs(Map.of(group, operations)).all().get();
        }
    }

    static Properties settings(JsonNode asked) {
        Properties found = new Properties();
        found.put("bootstrap.servers", asked.path("bootstrap").asText());
        found.put("group.id", asked.path("group").asText());
        found.put("share.acknowledgement.mode", asked.path("explicit").asBoolean() ? "explicit" : "implicit");
        found.put("metadata.max.age.ms", "1000");
        found.put("reconnect.backoff.max.ms", "500");
        if (asked.path("at_once").isNumber()) {
            found.put("max.poll.records", asked.path("at_once").asText());
            found.put("share.acquire.mode", "record_limit");
        }
        return found;
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

    void run() throws InterruptedException {
        while (true) {
            JsonNode command = commands.poll();
            if (command != null && command.path("do").asText().equals("leave")) {
                break;
            }
            if (command != null) {
                acknowledge(command);
            } else if (held.isEmpty()) {
                poll();
            } else {
                Thread.sleep(20);
            }
        }
        consumer.close();
        say("closed", Map.of());
    }

    void poll() {
        ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(50));
        List<List<Object>> found = new ArrayList<>();
        List<Integer> deliveries = new ArrayList<>();
        for (ConsumerRecord<String, String> each : records) {
            found.add(List.of(each.topic(), each.partition(), each.offset(), each.value()));
            deliveries.add(each.deliveryCount().map(Short::intValue).orElse(-1));
            if (explicit) {
                held.put(List.of(each.topic(), each.partition(), each.offset()), each);
            }
        }
        if (!found.isEmpty()) {
            say("records", Map.of("records", found, "deliveries", deliveries));
        }
    }

    void acknowledge(JsonNode command) {
        AcknowledgeType type = AcknowledgeType.valueOf(command.path("as").asText().toUpperCase());
        List<String> errors = new ArrayList<>();
        try {
            for (JsonNode each : command.path("records")) {
                List<Object> place = List.of(each.get(0).asText(), each.get(1).asInt(), each.get(2).asLong());
                ConsumerRecord<String, String> record = held.remove(place);
                if (record == null) {
                    throw new IllegalStateException("no record at hand: " + place);
                }
                consumer.acknowledge(record, type);
            }
            Map<TopicIdPartition, Optional<KafkaException>> outcome = consumer.commitSync();
            outcome.values().forEach(error -> error.ifPresent(e -> errors.add(e.toString())));
        } catch (KafkaException | IllegalStateException e) {
            errors.add(e.toString());
        }
        say("acknowledged", Map.of("errors", errors));
    }

    public static void main(String[] arguments) throws Exception {
        ShareMember member = new ShareMember(JSON.readTree(arguments[0]));
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
