package main_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/client"
	"seagate/protocol"
)

// The operations of concurrent clients must be linearizable: it must look as if each
// was executed at one moment between its call and its answer. An operation without an
// answer may be executed at any later time, or never.

const (
	linearClients = 4
	linearOps     = 30 // of each client in a round
	linearRounds  = 4
	linearStreams = 2 // of each kind
	// linearTimeout bounds the search, which is exponential at worst. Usually it takes
	// milliseconds.
	linearTimeout = 30 * time.Second
)

// An operation is a call about one stream.
type operation struct {
	Stream string
	Do     string // publish, read, define or schema
	Value  int    // published, or the fields that are defined
	Key    string // of publish: its id, or ""
	// Version is the version that is defined.
	Version int
}

// A reply is the result of an operation.
type reply struct {
	Unknown bool          // nobody knows
	Code    protocol.Code // why it was refused
	Values  []int         // that read returned, in the order of their numbers
	Dense   bool          // whether those were 1, 2, 3, ...
	Version int           // that schema returned; 0 for none
	Fields  int
}

// A logState is the messages of a stream with their ids, "key=value;" for each. It is
// text because states are compared.
type logState string

func (s logState) values() (values []int) {
	for _, item := range strings.Split(strings.TrimSuffix(string(s), ";"), ";") {
		if _, text, found := strings.Cut(item, "="); found {
			value, _ := strconv.Atoi(text)
			values = append(values, value)
		}
	}
	return values
}

func (s logState) has(key string) (value string, found bool) {
	for _, item := range strings.Split(string(s), ";") {
		if rest, ok := strings.CutPrefix(item, key+"="); ok {
			return rest, true
		}
	}
	return "", false
}

// logModel is a log to which messages are appended, at most once for each id.
func (s logState) step(op operation, r reply) (ok bool, next logState) {
	if op.Do == "read" {
		return r.Unknown || r.Dense && slices.Equal(r.Values, s.values()), s
	}
	if op.Key != "" {
		if before, there := s.has(op.Key); there {
			want := protocol.Code("")
			if before != strconv.Itoa(op.Value) {
				want = protocol.CodeIdempotencyKeyReused
			}
			return r.Unknown || r.Code == want, s
		}
	}
	return r.Code == "", s + logState(fmt.Sprintf("%s=%d;", op.Key, op.Value))
}

// A schemaState is the definition in force. The zero value is no definition.
type schemaState struct{ version, fields int }

func (s schemaState) step(op operation, r reply) (ok bool, next schemaState) {
	if op.Do == "schema" {
		return r.Unknown || r.Version == s.version && r.Fields == s.fields, s
	}
	want, next := protocol.Code(""), s
	switch {
	case op.Version > s.version: // created or replaced
		next = schemaState{op.Version, op.Value}
	case op.Version < s.version:
		want = protocol.CodeVersionTooOld
	case op.Value != s.fields:
		want = protocol.CodeVersionConflict
	}
	return r.Unknown || r.Code == want, next
}

// model combines both models. Streams are independent of each other.
var model = porcupine.Model{
	Partition: func(history []porcupine.Operation) (parts [][]porcupine.Operation) {
		byStream := map[string][]porcupine.Operation{}
		for _, op := range history {
			stream := op.Input.(operation).Stream
			byStream[stream] = append(byStream[stream], op)
		}
		for _, part := range byStream {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return nil },
	Step: func(state, input, output any) (bool, any) {
		op, r := input.(operation), output.(reply)
		if op.Do == "publish" || op.Do == "read" {
			log, _ := state.(logState)
			return stepAny(log.step(op, r))
		}
		schema, _ := state.(schemaState)
		return stepAny(schema.step(op, r))
	},
	Equal:             func(a, b any) bool { return a == b },
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
}

func stepAny[T any](ok bool, next T) (bool, any) { return ok, next }

// A recorder records the operations of clients.
type recorder struct {
	began time.Time
	mu    sync.Mutex // guards what follows
	ops   []porcupine.Operation
}

// do makes a call and records it.
func (r *recorder) do(who int, op operation, call func() reply) {
	called := time.Since(r.began).Nanoseconds()
	got := call()
	returned := time.Since(r.began).Nanoseconds()
	if got.Unknown {
		returned = math.MaxInt64
	}
	if got.Unknown && (op.Do == "read" || op.Do == "schema") {
		return // it changed nothing and says nothing
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, porcupine.Operation{ClientId: who, Input: op, Call: called, Output: got, Return: returned})
}

func TestOperationsAreLinearizable(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(seed(t), 1))
	folder := t.TempDir()
	g := startIn(t, folder)
	listen := "SEAGATE_LISTEN=" + g.listen
	decided := 0
	for round := range linearRounds {
		decided += wantLinearizable(t, record(t, g, round, random, nil))
	}
	decided += wantLinearizable(t, record(t, g, linearRounds, random, func() {
		g.kill()
		g = startIn(t, folder, listen)
	}))
	if decided == 0 {
		t.Error("no history could be decided")
	}
	g.stopped()
}

// wantLinearizable returns 1 if the check came to a result in time, otherwise 0.
func wantLinearizable(t *testing.T, history []porcupine.Operation) (decided int) {
	t.Helper()
	got := porcupine.CheckOperationsTimeout(model, history, linearTimeout)
	switch got {
	case porcupine.Unknown:
		t.Logf("a history of %d operations could not be decided in %v", len(history), linearTimeout)
		return 0
	case porcupine.Illegal:
		for _, op := range history {
			t.Logf("%d-%d client %d: %s", op.Call, op.Return, op.ClientId, model.DescribeOperation(op.Input, op.Output))
		}
		t.Errorf("a history of %d operations: %s", len(history), got)
	}
	return 1
}

// record runs clients, with an interruption in the middle if there is one, and returns
// their operations.
func record(t *testing.T, g *gateway, round int, random *rand.Rand, interrupt func()) []porcupine.Operation {
	t.Helper()
	r := &recorder{began: time.Now()}
	for i := range linearStreams {
		g.define(root, logName(round, i))
	}
	half, back := make(chan struct{}, linearClients), make(chan struct{})
	var working sync.WaitGroup
	for who := range linearClients {
		w := newWorker(t, g, r, who, round, rand.New(rand.NewPCG(random.Uint64(), uint64(who))))
		working.Go(func() {
			defer w.close()
			for i := range linearOps {
				if i == linearOps/2 {
					half <- struct{}{}
				}
				if w.step(); w.lost { // one unanswered call is enough: each doubles the search
					<-back
				}
			}
		})
	}
	<-half
	if interrupt != nil {
		interrupt()
	}
	close(back)
	working.Wait()
	w := newWorker(t, g, r, linearClients, round, random)
	defer w.close()
	w.readAll()
	return r.ops
}

func logName(round, i int) string    { return fmt.Sprintf("log-%d-%d", round, i) }
func schemaName(round, i int) string { return fmt.Sprintf("schema-%d-%d", round, i) }

// A linearWorker is one client.
type linearWorker struct {
	t         testing.TB
	client    *client.Client
	conn      *client.Conn // nil if there is none
	recorder  *recorder
	who, made int
	round     int
	random    *rand.Rand
	lost      bool // the last call found no gateway
}

func newWorker(t testing.TB, g *gateway, r *recorder, who, round int, random *rand.Rand) *linearWorker {
	t.Helper()
	c, err := client.New("http://"+g.listen, client.Basic(root.id, root.secret), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &linearWorker{t: t, client: c, recorder: r, who: who, round: round, random: random}
}

func (w *linearWorker) close() {
	if w.conn != nil {
		w.conn.Close()
	}
	w.client.CloseIdleConnections()
}

// step executes one operation.
func (w *linearWorker) step() {
	switch w.random.IntN(5) {
	case 0:
		w.read(logName(w.round, w.random.IntN(linearStreams)))
	case 1:
		w.schema(schemaName(w.round, w.random.IntN(linearStreams)))
	case 2:
		w.define()
	default:
		w.publish()
	}
}

func (w *linearWorker) readAll() {
	for i := range linearStreams {
		w.read(logName(w.round, i))
		w.schema(schemaName(w.round, i))
	}
}

// context ends before the answer now and then.
func (w *linearWorker) context() (context.Context, context.CancelFunc) {
	if w.random.IntN(8) == 0 && w.who < linearClients {
		return context.WithTimeout(context.Background(), time.Duration(w.random.Int64N(int64(4*time.Millisecond))))
	}
	return context.WithTimeout(context.Background(), patience)
}

// outcome records an error. Only a refusal by the gateway says that the request was not
// executed.
func (w *linearWorker) outcome(err error) reply {
	w.lost = errors.Is(err, client.ErrConnection)
	refusal, said := errors.AsType[*client.Error](err)
	switch {
	case err == nil:
		return reply{}
	case !said || refusal.Close != 0 || refusal.Code == protocol.CodeStorageUnavailable || refusal.Code == protocol.CodeShuttingDown:
		return reply{Unknown: true}
	}
	return reply{Code: refusal.Code}
}

// publish sends a new message, the same message again, or another one under the same
// id. There are few ids, and all clients use the same.
func (w *linearWorker) publish() {
	w.made++
	op := operation{Stream: logName(w.round, w.random.IntN(linearStreams)), Do: "publish", Value: 100*w.who + w.made}
	if w.random.IntN(2) == 0 {
		id := w.random.IntN(6)
		op.Key, op.Value = fmt.Sprintf("id-%d", id), 10_000+id+1000*(w.random.IntN(8)/7)
	}
	w.recorder.do(w.who, op, func() reply {
		ctx, cancel := w.context()
		defer cancel()
		return w.outcome(w.send(ctx, op))
	})
}

func (w *linearWorker) send(ctx context.Context, op operation) (err error) {
	message := map[string]int{"n": op.Value}
	conn := w.socket(ctx)
	switch {
	case conn == nil && op.Key == "":
		_, err = w.client.Publish(ctx, op.Stream, message)
	case conn == nil:
		_, err = w.client.PublishOnce(ctx, op.Stream, op.Key, message)
	case op.Key == "":
		_, err = conn.Publish(ctx, op.Stream, message)
	default:
		_, err = conn.PublishOnce(ctx, op.Stream, op.Key, message)
	}
	return err
}

// socket returns a connection, or nil for HTTP, which every other client uses and every
// client that cannot connect.
func (w *linearWorker) socket(ctx context.Context) *client.Conn {
	if w.who%2 == 1 {
		return nil
	}
	if w.conn != nil && w.conn.Err() != nil {
		w.conn.Close()
		w.conn = nil
	}
	if w.conn == nil {
		w.conn, _ = w.client.Dial(ctx)
	}
	return w.conn
}

func (w *linearWorker) read(stream string) {
	w.recorder.do(w.who, operation{Stream: stream, Do: "read"}, func() reply {
		ctx, cancel := w.context()
		defer cancel()
		page, err := w.client.Messages(ctx, stream, client.Earliest(), 1000, "")
		got := w.outcome(err)
		got.Dense = true
		for i, m := range page.Messages {
			var payload struct {
				N int `json:"n"`
			}
			got.Dense = got.Dense && m.Seq == uint64(i+1) && json.Unmarshal(m.Payload, &payload) == nil
			got.Values = append(got.Values, payload.N)
		}
		return got
	})
}

func (w *linearWorker) define() {
	op := operation{Stream: schemaName(w.round, w.random.IntN(linearStreams)), Do: "define",
		Version: 1 + w.random.IntN(5), Value: 1 + w.random.IntN(2)}
	fields := make([]string, op.Value)
	for i := range fields {
		fields[i] = fmt.Sprintf(`{"name":"f%d","type":"integer"}`, i)
	}
	definition := jsontext.Value(fmt.Sprintf(`{"version":%d,"fields":[%s]}`, op.Version, strings.Join(fields, ",")))
	w.recorder.do(w.who, op, func() reply {
		ctx, cancel := w.context()
		defer cancel()
		_, err := w.client.Define(ctx, op.Stream, definition)
		return w.outcome(err)
	})
}

func (w *linearWorker) schema(stream string) {
	w.recorder.do(w.who, operation{Stream: stream, Do: "schema"}, func() reply {
		ctx, cancel := w.context()
		defer cancel()
		text, err := w.client.Schema(ctx, stream)
		got := w.outcome(err)
		if err != nil {
			return got
		}
		var definition struct {
			Version int              `json:"version"`
			Fields  []jsontext.Value `json:"fields"`
		}
		if err := json.Unmarshal(text, &definition); err != nil {
			w.t.Errorf("schema of %s: %v", stream, err)
		}
		got.Version, got.Fields = definition.Version, len(definition.Fields)
		return got
	})
}

// A model that accepts every history would prove nothing.
func TestTheModelRejectsWrongHistories(t *testing.T) {
	type step struct {
		op         operation
		r          reply
		call, back int64
	}
	publish := func(value int, key string) operation {
		return operation{Stream: "s", Do: "publish", Value: value, Key: key}
	}
	read, schema := operation{Stream: "s", Do: "read"}, operation{Stream: "d", Do: "schema"}
	values := func(v ...int) reply { return reply{Values: v, Dense: true} }
	define := func(version, fields int) operation {
		return operation{Stream: "d", Do: "define", Version: version, Value: fields}
	}
	for _, c := range []struct {
		name    string
		history []step
		want    porcupine.CheckResult
	}{
		{"one after the other", []step{{publish(1, ""), reply{}, 1, 2}, {publish(2, ""), reply{}, 3, 4}, {read, values(1, 2), 5, 6}}, porcupine.Ok},
		{"at once, in any order", []step{{publish(1, ""), reply{}, 1, 4}, {publish(2, ""), reply{}, 1, 4}, {read, values(2, 1), 5, 6}}, porcupine.Ok},
		{"in the wrong order", []step{{publish(1, ""), reply{}, 1, 2}, {publish(2, ""), reply{}, 3, 4}, {read, values(2, 1), 5, 6}}, porcupine.Illegal},
		{"lost", []step{{publish(1, ""), reply{}, 1, 2}, {read, values(), 3, 4}}, porcupine.Illegal},
		{"seen too soon", []step{{read, values(1), 1, 2}, {publish(1, ""), reply{}, 3, 4}}, porcupine.Illegal},
		{"seen, and then not", []step{{publish(1, ""), reply{}, 1, 9}, {read, values(1), 2, 3}, {read, values(), 4, 5}}, porcupine.Illegal},
		{"unknown, and there", []step{{publish(1, ""), reply{Unknown: true}, 1, math.MaxInt64}, {read, values(1), 2, 3}}, porcupine.Ok},
		{"unknown, and not there", []step{{publish(1, ""), reply{Unknown: true}, 1, math.MaxInt64}, {read, values(), 2, 3}}, porcupine.Ok},
		{"a repeat adds nothing", []step{{publish(1, "k"), reply{}, 1, 2}, {publish(1, "k"), reply{}, 3, 4}, {read, values(1), 5, 6}}, porcupine.Ok},
		{"a repeat adds a message", []step{{publish(1, "k"), reply{}, 1, 2}, {publish(1, "k"), reply{}, 3, 4}, {read, values(1, 1), 5, 6}}, porcupine.Illegal},
		{"an id for two messages", []step{{publish(1, "k"), reply{}, 1, 2}, {publish(2, "k"), reply{}, 3, 4}}, porcupine.Illegal},
		{"numbers with a hole", []step{{publish(1, ""), reply{}, 1, 2}, {read, reply{Values: []int{1}}, 3, 4}}, porcupine.Illegal},
		{"a lower version", []step{{define(2, 1), reply{}, 1, 2}, {define(1, 1), reply{}, 3, 4}}, porcupine.Illegal},
		{"a lower version, refused", []step{{define(2, 1), reply{}, 1, 2}, {define(1, 1), reply{Code: protocol.CodeVersionTooOld}, 3, 4}}, porcupine.Ok},
		{"two definitions of one version", []step{{define(2, 1), reply{}, 1, 4}, {define(2, 2), reply{}, 1, 4}}, porcupine.Illegal},
		{"an old schema after a new one", []step{{define(1, 1), reply{}, 1, 2}, {define(2, 1), reply{}, 3, 4}, {schema, reply{Version: 1, Fields: 1}, 5, 6}}, porcupine.Illegal},
	} {
		var history []porcupine.Operation
		for i, s := range c.history {
			history = append(history, porcupine.Operation{ClientId: i, Input: s.op, Output: s.r, Call: s.call, Return: s.back})
		}
		if got := porcupine.CheckOperationsTimeout(model, history, linearTimeout); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
