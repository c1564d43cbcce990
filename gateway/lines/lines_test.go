package lines_test

import (
	"fmt"
	"testing"
)

func TestAJob(t *testing.T) {
	b := newBench(t, setup{})
	listener, job := b.dial(), b.dial()
	listener.send(`{"action":"listen","stream":"job"}`, `{"action":"listen","stream":"job"}`)
	listener.settle("joined")
	listener.want(echo("joined"))
	job.send(
		`{"action":"header","id":1,"stream":"job","message":{"done":0}}`,
		`{"action":"put","stream":"job","message":{"done":1}}`,
		`{"action":"put","id":"two","stream":"job","message":null,"header":{"done":2}}`+"\r",
	)
	job.want(`{"action":"header","id":1,"stream":"job"}`, `{"action":"put","id":"two","stream":"job"}`)
	listener.want(`{"action":"put","stream":"job","message":{"done":1}}`, `{"action":"put","stream":"job","message":null}`)

	late := b.dial()
	late.send(`{"action":"listen","id":[1],"stream":"job"}`)
	late.want(`{"action":"listen","id":[1],"stream":"job"}`, `{"action":"put","stream":"job","message":{"done":2},"header":true}`)
	job.send(`{"action":"put","stream":"job","message":"3"}`)
	for _, p := range []*peer{listener, late} {
		p.want(`{"action":"put","stream":"job","message":"3"}`)
	}

	late.send(`{ "action":"hangup", "stream":"job" }`)
	late.want(`{ "action":"hangup", "stream":"job" }`)
	job.send(`{"action":"put","id":4,"stream":"job","message":4}`, `{"action":"delete","id":5,"stream":"job"}`)
	job.want(`{"action":"put","id":4,"stream":"job"}`, `{"action":"delete","id":5,"stream":"job"}`)
	listener.want(`{"action":"put","stream":"job","message":4}`, `{"action":"close","stream":"job"}`)
	late.settle("nothing more")
	late.want(echo("nothing more"))
	if n := b.JobStreams(); n != 0 {
		t.Errorf("%d job streams are left", n)
	}
	listener.send(`{"action":"listen","id":0,"stream":"job"}`) // another one, without a header
	listener.want(`{"action":"listen","id":0,"stream":"job"}`)
	job.send(`{"action":"put","stream":"job","message":1}`, `{"action":"close"}`)
	job.wantEnd()
	listener.want(`{"action":"put","stream":"job","message":1}`)
	listener.send(`{"action":"hangup","id":9}`)
	listener.want(`{"action":"hangup","id":9}`)
}

// What is not there is no error.
func TestWhatIsNotThere(t *testing.T) {
	b := newBench(t, setup{})
	p := b.dial()
	p.send(`{"action":"hangup","stream":"a"}`, `{"action":"hangup"}`, `{"action":"delete","id":1,"stream":"b"}`, `{"action":"header","id":2,"stream":"c","message":null}`)
	p.want(`{"action":"hangup","stream":"a"}`, `{"action":"hangup"}`, `{"action":"delete","id":1,"stream":"b"}`, `{"action":"header","id":2,"stream":"c"}`)
	if n := b.JobStreams(); n != 0 {
		t.Errorf("%d job streams were made", n)
	}
}

func TestAHeaderIsRemovedWithNull(t *testing.T) {
	b := newBench(t, setup{})
	p := b.dial()
	p.send(`{"action":"header","stream":"s","message":[]}`, `{"action":"header","id":1,"stream":"s","message":null}`, `{"action":"listen","id":2,"stream":"s"}`, echo("end"))
	p.want(`{"action":"header","id":1,"stream":"s"}`, `{"action":"listen","id":2,"stream":"s"}`, echo("end"))
}

// A put and its header are one step: if either is refused, neither is there.
func TestAPutWithAHeaderIsRefusedAsAWhole(t *testing.T) {
	b := newBench(t, setup{})
	b.define("boiler")
	p := b.dial()
	p.send(`{"action":"header","stream":"boiler","message":{"n":0}}`, `{"action":"listen","id":1,"stream":"boiler"}`)
	p.want(`{"action":"listen","id":1,"stream":"boiler"}`, `{"action":"put","stream":"boiler","message":{"n":0},"header":true}`)
	p.send(`{"action":"put","stream":"boiler","message":{"n":"x"},"header":{"n":1}}`)
	p.wantError(``, `,"code":"invalid_payload","errors":["n: expected an integer, got the string \"x\""],"stream":"boiler"`)
	p.send(`{"action":"put","stream":"boiler","message":{"n":2},"header":{"n":"x"}}`)
	p.wantError(``, `,"code":"invalid_payload","errors":["header: n: expected an integer, got the string \"x\""],"stream":"boiler"`)
	p.settle("nothing came")
	p.want(echo("nothing came"))
	q := b.dial()
	q.send(`{"action":"listen","stream":"boiler"}`)
	q.want(`{"action":"put","stream":"boiler","message":{"n":0},"header":true}`)
}

// Of a defined stream, delete removes the header and lets the listeners of this door go.
// The log stays.
func TestDeleteOfADefinedStream(t *testing.T) {
	b := newBench(t, setup{})
	b.define("boiler")
	listener, other := b.dial(), b.dial()
	for _, p := range []*peer{listener, other} {
		p.send(`{"action":"listen","id":1,"stream":"boiler"}`)
		p.want(`{"action":"listen","id":1,"stream":"boiler"}`)
	}
	listener.send(`{"action":"put","id":2,"stream":"boiler","message":{"n":1},"header":{"n":0}}`, `{"action":"delete","id":3,"stream":"boiler"}`)
	listener.want(`{"action":"put","id":2,"stream":"boiler"}`)
	seen := map[string]int{}
	for range 3 {
		seen[listener.next()]++
	}
	for _, line := range []string{`{"action":"put","stream":"boiler","message":{"n":1}}`, `{"action":"close","stream":"boiler"}`, `{"action":"delete","id":3,"stream":"boiler"}`} {
		if seen[line] != 1 {
			t.Errorf("%d times: %s", seen[line], line)
		}
	}
	other.want(`{"action":"put","stream":"boiler","message":{"n":1}}`, `{"action":"close","stream":"boiler"}`)
	b.publish("boiler", `{"n":2}`)
	other.send(`{"action":"listen","id":4,"stream":"boiler","from":"earliest"}`)
	other.want(`{"action":"listen","id":4,"stream":"boiler"}`, `{"action":"put","stream":"boiler","message":{"n":1}}`, `{"action":"put","stream":"boiler","message":{"n":2}}`)
}

func TestListenWithMeta(t *testing.T) {
	b := newBench(t, setup{})
	b.define("boiler")
	b.publish("boiler", `{"n":1}`, `{"n":2}`, `{"n":3}`)
	info, err := b.Stream(b.root, "boiler")
	if err != nil {
		t.Fatal(err)
	}
	page, err := b.Messages(t.Context(), b.root, "boiler", earliest, 10)
	if err != nil {
		t.Fatal(err)
	}
	message := func(i int) string {
		m := page.Messages[i]
		return fmt.Sprintf(`{"action":"put","stream":"boiler","message":%s,"seq":%d,"time":%q,"epoch":%q}`, m.Payload, m.Seq, timeText(m.Time), info.Topic.Epoch)
	}
	p := b.dial()
	p.send(`{"action":"header","stream":"boiler","message":{"n":0}}`,
		fmt.Sprintf(`{"action":"listen","id":1,"stream":"boiler","from":2,"epoch":%q,"meta":true}`, info.Topic.Epoch))
	p.want(fmt.Sprintf(`{"action":"listen","id":1,"stream":"boiler","epoch":%q,"firstSeq":1,"nextSeq":2}`, info.Topic.Epoch),
		fmt.Sprintf(`{"action":"put","stream":"boiler","message":{"n":0},"header":true,"epoch":%q}`, info.Topic.Epoch),
		message(1), message(2))
	q := b.dial()
	q.send(`{"action":"listen","id":1,"stream":"boiler","from":2,"epoch":"another"}`, `{"action":"listen","stream":"boiler","from":9}`)
	q.wantError(`,"id":1`, `,"code":"position_lost","stream":"boiler"`)
	q.wantError(``, `,"code":"position_lost","stream":"boiler"`)
}

// A bad line is answered, with the code that HTTP gives, and the connection goes on.
func TestRefusals(t *testing.T) {
	b := newBench(t, setup{})
	b.define("boiler")
	p := b.dial()
	for _, test := range []struct{ line, before, after string }{
		{``, ``, `,"code":"malformed_json"`},
		{`GET / HTTP/1.1`, ``, `,"code":"malformed_json"`},
		{`{"action":"put","id":1,"stream":"boiler","message":{"n":1,"n":1}}`, `,"id":1`, `,"code":"malformed_json","stream":"boiler"`},
		{`{"action":"put","stream":"boiler","message":{"n":"x"}}`, ``, `,"code":"invalid_payload","errors":["n: expected an integer, got the string \"x\""],"stream":"boiler"`},
		{`{"action":"put","stream":"bo iler","message":1}`, ``, `,"code":"invalid_name","stream":"bo iler"`},
		{`{"action":"header","id":2,"stream":"boiler","message":7}`, `,"id":2`, `"stream":"boiler"`},
		{`{"action":"authenticate","payload":{}}`, ``, `,"code":"invalid_request"`},
		{`{"action":"shout","id":null,"stream":"boiler"}`, `,"id":null`, `"stream":"boiler"`},
	} {
		p.send(test.line)
		p.wantError(test.before, test.after)
	}
	p.send(`{"action":"put","id":3,"stream":"boiler","message":{"n":1}}`)
	p.want(`{"action":"put","id":3,"stream":"boiler"}`)
}

// Answers come in the order of the lines, and the last line before the client closes its
// side is dealt with.
func TestAPipeline(t *testing.T) {
	b := newBench(t, setup{options: func(o *linesOptions) { o.PublishesInFlight = 4 }})
	p := b.dial()
	go func() {
		for i := range 2_000 {
			fmt.Fprintf(p.nc, `{"action":"put","id":%d,"stream":"job","message":%d}`+"\n", i, i)
		}
		fmt.Fprint(p.nc, `{"action":"listen","id":"l","stream":"job","from":"earliest"}`+"\n"+`{"action":"hangup"}`+"\n"+`{"action":"put"`)
		p.closeWrite()
	}()
	for i := range 2_000 {
		p.want(fmt.Sprintf(`{"action":"put","id":%d,"stream":"job"}`, i))
	}
	p.want(`{"action":"listen","id":"l","stream":"job"}`)
	for line := p.next(); line != `{"action":"hangup"}`; line = p.next() {
	}
	p.wantError(``, `,"code":"malformed_json"`)
	p.wantEnd()
	if info, err := b.Stream(b.root, "job"); err != nil || info.Topic.Next != 2_001 {
		t.Errorf("%+v, %v", info, err)
	}
}
