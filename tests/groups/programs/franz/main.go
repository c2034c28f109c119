// A group's member that is franz-go. It says and is asked what speech.py has: JSON lines.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

type asked struct {
	Bootstrap   string   `json:"bootstrap"`
	Group       string   `json:"group"`
	Topics      []string `json:"topics"`
	Pattern     string   `json:"pattern"`
	Protocol    string   `json:"protocol"`
	Assignor    string   `json:"assignor"`
	Instance    string   `json:"instance"`
	SessionMs   int      `json:"session_ms"`
	RebalanceMs int      `json:"rebalance_ms"`
}

type command struct {
	Do       string `json:"do"`
	Metadata string `json:"metadata"`
}

type member struct {
	asked  asked
	client *kgo.Client
	// Guards what follows: partitions come and go on another goroutine.
	mutex sync.Mutex
	owned map[string]map[int32]bool
}

var speaking sync.Mutex

func say(event string, fields map[string]any) {
	fields["event"] = event
	line, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	speaking.Lock()
	defer speaking.Unlock()
	fmt.Println(string(line))
}

func (m *member) change(partitions map[string][]int32, has bool, why string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for topic, found := range partitions {
		if m.owned[topic] == nil {
			m.owned[topic] = map[int32]bool{}
		}
		for _, partition := range found {
			if has {
				m.owned[topic][partition] = true
			} else {
				delete(m.owned[topic], partition)
			}
		}
	}
	listed := [][]any{}
	for topic, found := range m.owned {
		for partition := range found {
			listed = append(listed, []any{topic, partition})
		}
	}
	say("owned", map[string]any{"partitions": listed, "why": why})
}

func (m *member) has(topic string, partition int32) bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.owned[topic][partition]
}

func balancer(name string) kgo.GroupBalancer {
	switch name {
	case "range":
		return kgo.RangeBalancer()
	case "roundrobin":
		return kgo.RoundRobinBalancer()
	default:
		return kgo.CooperativeStickyBalancer()
	}
}

func (m *member) options() []kgo.Opt {
	listener := func(has bool, why string) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) { m.change(partitions, has, why) }
	}
	found := []kgo.Opt{
		kgo.SeedBrokers(strings.Split(m.asked.Bootstrap, ",")...),
		kgo.ConsumerGroup(m.asked.Group),
		kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.SessionTimeout(time.Duration(m.asked.SessionMs) * time.Millisecond),
		kgo.RebalanceTimeout(time.Duration(m.asked.RebalanceMs) * time.Millisecond),
		kgo.HeartbeatInterval(time.Second),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.MetadataMaxAge(time.Second),
		kgo.Balancers(balancer(m.asked.Assignor)),
		kgo.OnPartitionsAssigned(listener(true, "assigned")),
		kgo.OnPartitionsRevoked(listener(false, "revoked")),
		kgo.OnPartitionsLost(listener(false, "lost")),
	}
	if m.asked.Pattern != "" {
		found = append(found, kgo.ConsumeRegex(), kgo.ConsumeTopics(m.asked.Pattern))
	} else {
		found = append(found, kgo.ConsumeTopics(m.asked.Topics...))
	}
	if m.asked.Instance != "" {
		found = append(found, kgo.InstanceID(m.asked.Instance))
	}
	if m.asked.Protocol == "consumer" {
		ctx := context.WithValue(context.Background(), "opt_in_kafka_next_gen_balancer_beta", true) //nolint:staticcheck // its name in franz-go
		found = append(found, kgo.WithContext(ctx))
	}
	return found
}

func (m *member) committed(ctx context.Context) map[string]map[int32]kadm.OffsetResponse {
	found, err := kadm.NewClient(m.client).FetchOffsets(ctx, m.asked.Group)
	if err != nil {
		say("error", map[string]any{"error": err.Error()})
	}
	return found
}

func (m *member) obey(ctx context.Context, next command) {
	switch next.Do {
	case "commit":
		offsets, listed := map[string]map[int32]kgo.EpochOffset{}, [][]any{}
		for topic, found := range m.client.UncommittedOffsets() {
			for partition, at := range found {
				if m.has(topic, partition) {
					if offsets[topic] == nil {
						offsets[topic] = map[int32]kgo.EpochOffset{}
					}
					offsets[topic][partition] = at
					listed = append(listed, []any{topic, partition, at.Offset, next.Metadata})
				}
			}
		}
		var failed error
		with := kgo.PreCommitFnContext(ctx, func(request *kmsg.OffsetCommitRequest) error {
			for topic := range request.Topics {
				for partition := range request.Topics[topic].Partitions {
					request.Topics[topic].Partitions[partition].Metadata = &next.Metadata
				}
			}
			return nil
		})
		m.client.CommitOffsetsSync(with, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error) {
			failed = err
			if err == nil {
				for _, topic := range answer.Topics {
					for _, partition := range topic.Partitions {
						if partition.ErrorCode != 0 {
							failed = fmt.Errorf("error code %d", partition.ErrorCode)
						}
					}
				}
			}
		})
		if failed != nil {
			say("refused", map[string]any{"error": failed.Error()})
			return
		}
		say("committed", map[string]any{"offsets": listed})
	case "fetch":
		listed := [][]any{}
		for topic, found := range m.committed(ctx) {
			for partition, kept := range found {
				if m.has(topic, partition) {
					listed = append(listed, []any{topic, partition, kept.At, kept.Metadata})
				}
			}
		}
		say("fetched", map[string]any{"offsets": listed})
	case "seek":
		offsets := map[string]map[int32]kgo.EpochOffset{}
		for topic, found := range m.committed(ctx) {
			for partition, kept := range found {
				if m.has(topic, partition) {
					if offsets[topic] == nil {
						offsets[topic] = map[int32]kgo.EpochOffset{}
					}
					offsets[topic][partition] = kgo.EpochOffset{Epoch: -1, Offset: kept.At}
				}
			}
		}
		m.client.SetOffsets(offsets)
		say("sought", map[string]any{})
	}
}

func main() {
	m := &member{owned: map[string]map[int32]bool{}}
	if err := json.Unmarshal([]byte(os.Args[1]), &m.asked); err != nil {
		panic(err)
	}
	var err error
	if m.client, err = kgo.NewClient(m.options()...); err != nil {
		panic(err)
	}
	commands := make(chan command, 100)
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			var next command
			if err := json.Unmarshal(lines.Bytes(), &next); err != nil {
				panic(err)
			}
			commands <- next
		}
		commands <- command{Do: "leave"}
	}()
	ctx := context.Background()
	for {
		select {
		case next := <-commands:
			if next.Do == "leave" {
				m.client.Close()
				say("closed", map[string]any{})
				return
			}
			m.obey(ctx, next)
		default:
		}
		poll, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		fetches := m.client.PollFetches(poll)
		cancel()
		fetches.EachError(func(topic string, partition int32, err error) {
			if poll.Err() == nil {
				say("error", map[string]any{"error": fmt.Sprint(topic, partition, err)})
			}
		})
		records := [][]any{}
		fetches.EachRecord(func(each *kgo.Record) {
			records = append(records, []any{each.Topic, each.Partition, each.Offset, string(each.Value)})
		})
		if len(records) > 0 {
			say("records", map[string]any{"records": records})
		}
	}
}
