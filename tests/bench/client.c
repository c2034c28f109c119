/* The benchmark's client, one librdkafka for every broker. Prints one JSON object.
 *
 *   client produce BOOTSTRAP TOPIC PARTITIONS RECORDS SIZE IDEMPOTENT
 *   client consume BOOTSTRAP TOPIC PARTITIONS RECORDS
 *   client latency BOOTSTRAP TOPIC RATE SECONDS SIZE LINGER_MS
 */

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const int PATIENCE_MS = 120 * 1000;

static atomic_long delivered, failed;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) fail(name, why);
}

static rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *bootstrap) {
    char why[256];
    set(conf, "bootstrap.servers", bootstrap);
    rd_kafka_t *handle = rd_kafka_new(type, conf, why, sizeof why);
    if (!handle) fail("librdkafka", why);
    return handle;
}

static rd_kafka_conf_t *producer_conf(const char *linger) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "acks", "all");
    set(conf, "linger.ms", linger);
    return conf;
}

static rd_kafka_t *consumer(const char *bootstrap) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "group.id", "bench");
    set(conf, "enable.auto.commit", "false");
    set(conf, "queued.min.messages", "200000");
    set(conf, "fetch.wait.max.ms", "500");
    // With the default, a full queue pauses for a second, which slows the faster broker most.
    set(conf, "fetch.queue.backoff.ms", "1");
    rd_kafka_t *handle = client(RD_KAFKA_CONSUMER, conf, bootstrap);
    rd_kafka_poll_set_consumer(handle);
    return handle;
}

static void assign(rd_kafka_t *handle, const char *topic, int partitions, int64_t offset) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int i = 0; i < partitions; i++) rd_kafka_topic_partition_list_add(list, topic, i)->offset = offset;
    rd_kafka_resp_err_t error = rd_kafka_assign(handle, list);
    if (error) fail("assign", rd_kafka_err2str(error));
    rd_kafka_topic_partition_list_destroy(list);
}

static void on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque) {
    (void)handle, (void)opaque;
    atomic_fetch_add(message->err ? &failed : &delivered, 1);
}

static void produce(char **a) {
    const char *topic = a[1];
    int partitions = atoi(a[2]);
    long records = atol(a[3]);
    size_t size = atol(a[4]);
    rd_kafka_conf_t *conf = producer_conf("5");
    set(conf, "enable.idempotence", a[5]);
    set(conf, "queue.buffering.max.messages", "200000");
    set(conf, "batch.num.messages", "10000");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *handle = client(RD_KAFKA_PRODUCER, conf, a[0]);
    rd_kafka_topic_t *handle_topic = rd_kafka_topic_new(handle, topic, NULL);
    char *value = malloc(size);
    unsigned state = 1;
    for (size_t i = 0; i < size; i++) value[i] = 'a' + (state = state * 1103515245 + 12345) / 65536 % 26;
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t error = rd_kafka_metadata(handle, 0, handle_topic, &metadata, PATIENCE_MS);
    if (error) fail("metadata", rd_kafka_err2str(error));
    double begun = now();
    for (long i = 0; i < records; i++) {
        /* Runs of records for one partition, as a sticky partitioner makes them. */
        int partition = i / 64 % partitions;
        while (rd_kafka_produce(handle_topic, partition, RD_KAFKA_MSG_F_COPY, value, size, NULL, 0, NULL)) {
            if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
                fail("produce", rd_kafka_err2str(rd_kafka_last_error()));
            rd_kafka_poll(handle, 10);
        }
        if (i % 256 == 0) rd_kafka_poll(handle, 0);
    }
    rd_kafka_flush(handle, PATIENCE_MS);
    double seconds = now() - begun;
    if (delivered != records) fail("produce", "not all records were delivered");
    printf("{\"seconds\": %.6f, \"records\": %ld, \"bytes\": %ld}\n", seconds, records, records * (long)size);
}

static void consume(char **a) {
    long records = atol(a[3]), found = 0, bytes = 0;
    rd_kafka_t *handle = consumer(a[0]);
    double begun = now();
    assign(handle, a[1], atoi(a[2]), RD_KAFKA_OFFSET_BEGINNING);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(handle);
    static rd_kafka_message_t *batch[10000];
    while (found < records) {
        ssize_t count = rd_kafka_consume_batch_queue(queue, 1000, batch, 10000);
        for (ssize_t i = 0; i < count; i++) {
            if (batch[i]->err) fail("consume", rd_kafka_message_errstr(batch[i]));
            found++;
            bytes += batch[i]->len;
            rd_kafka_message_destroy(batch[i]);
        }
        if (now() - begun > PATIENCE_MS / 1000) fail("consume", "records are missing");
    }
    printf("{\"seconds\": %.6f, \"records\": %ld, \"bytes\": %ld}\n", now() - begun, found, bytes);
    fflush(stdout);
    _Exit(0);
}

/* Latency: each value begins with the time it was sent at. */

static double *acks, *ends;
static long wanted;
static atomic_int reading;

static void on_timed_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque) {
    (void)handle, (void)opaque;
    double sent;
    if (message->err) fail("latency", rd_kafka_err2str(message->err));
    memcpy(&sent, message->payload, sizeof sent);
    acks[atomic_fetch_add(&delivered, 1)] = now() - sent;
}

struct reading {
    const char *bootstrap, *topic;
};

static void *read_all(void *argument) {
    struct reading *where = argument;
    rd_kafka_t *handle = consumer(where->bootstrap);
    assign(handle, where->topic, 1, RD_KAFKA_OFFSET_BEGINNING);
    for (long found = -1; found < wanted;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(handle, PATIENCE_MS);
        if (!message) fail("latency", "records are missing");
        if (message->err) fail("latency", rd_kafka_message_errstr(message));
        double sent;
        memcpy(&sent, message->payload, sizeof sent);
        /* The first record only shows that the consumer is at work. */
        if (found >= 0) ends[found] = now() - sent;
        else reading = 1;
        found++;
        rd_kafka_message_destroy(message);
    }
    return NULL;
}

static void *poll_always(void *argument) {
    while (delivered <= wanted) rd_kafka_poll(argument, 10);
    return NULL;
}

static int ascending(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void print_times(const char *name, double *times, long count, const char *after) {
    qsort(times, count, sizeof *times, ascending);
    printf("\"%s\": {\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f}%s", name, times[count / 2] * 1e3,
           times[count * 99 / 100] * 1e3, times[count - 1] * 1e3, after);
}

static void latency(char **a) {
    double rate = atof(a[2]);
    wanted = rate * atof(a[3]);
    size_t size = atol(a[4]);
    acks = calloc(wanted + 1, sizeof *acks);
    ends = calloc(wanted + 1, sizeof *ends);
    rd_kafka_conf_t *conf = producer_conf(a[5]);
    rd_kafka_conf_set_dr_msg_cb(conf, on_timed_delivery);
    rd_kafka_t *handle = client(RD_KAFKA_PRODUCER, conf, a[0]);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(handle, a[1], NULL);
    struct reading where = {a[0], a[1]};
    pthread_t reader, poller;
    pthread_create(&reader, NULL, read_all, &where);
    pthread_create(&poller, NULL, poll_always, handle);
    char *value = calloc(1, size);
    double begun = now();
    for (long i = -1; i < wanted; i++) {
        double sent = now();
        memcpy(value, &sent, sizeof sent);
        if (rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, value, size, NULL, 0, NULL))
            fail("produce", rd_kafka_err2str(rd_kafka_last_error()));
        if (i < 0) {
            while (!reading || !delivered) nanosleep(&(struct timespec){0, 1000000}, NULL);
            begun = now();
        }
        double pause = begun + (i + 1) / rate - now();
        if (pause > 0) nanosleep(&(struct timespec){pause, (pause - (long)pause) * 1e9}, NULL);
    }
    pthread_join(reader, NULL);
    pthread_join(poller, NULL);
    printf("{\"records\": %ld, ", wanted);
    print_times("ack", acks + 1, wanted, ", ");
    print_times("end_to_end", ends, wanted, "}\n");
    fflush(stdout);
    _Exit(0);
}

int main(int count, char **a) {
    if (count == 8 && !strcmp(a[1], "produce")) produce(a + 2);
    else if (count == 6 && !strcmp(a[1], "consume")) consume(a + 2);
    else if (count == 8 && !strcmp(a[1], "latency")) latency(a + 2);
    else fail("usage", "see the top of client.c");
    return 0;
}
