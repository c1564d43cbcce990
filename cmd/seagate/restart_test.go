package main_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
)

// again kills the gateway and starts it on the same data folder.
func again(t *testing.T, g *gateway, folder string, settings ...string) *gateway {
	t.Helper()
	g.kill()
	return startIn(t, folder, settings...)
}

// TestMessagesOutliveKill9 with their numbers, epoch and ids, and so do the settings of
// the stream. A repeat gets the position of the first, as it was.
func TestMessagesOutliveKill9(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	g := startIn(t, folder)
	g.define(root, "boiler")
	g.ok(root, "PUT", "/streams/boiler/settings", `{"retention":{"messages":1000}}`)
	g.operator("/readyz") // the message that it sends to itself once kept the next start from succeeding
	g.publish(root, "boiler", `{"n":1}`)
	p := g.login(root, "root")
	p.Send(`{"id":2,"action":"publish","streamName":"boiler","payload":{"n":2},"messageId":"once"}`)
	published := p.next().String()
	if !strings.HasPrefix(published, `{"id":2,"action":"publish","success":true,"seq":2,"time":"`) {
		t.Errorf("the answer is %s", published)
	}
	before := g.ok(root, "GET", "/streams/boiler/messages", "")

	g = again(t, g, folder)
	if after := g.ok(root, "GET", "/streams/boiler/messages", ""); after != before {
		t.Errorf("there is\n%s\nand there was\n%s", after, before)
	}
	p = g.login(root, "root")
	p.Send(`{"id":2,"action":"publish","streamName":"boiler","payload":{"n":2},"messageId":"once"}`)
	p.want(published) // with the position of the first
	if after := g.ok(root, "GET", "/streams/boiler/messages", ""); after != before {
		t.Errorf("the repeat added to it: %s", after)
	}
	if settings := g.ok(root, "GET", "/streams/boiler/settings", ""); !strings.Contains(settings, `"messages":1000`) {
		t.Errorf("the settings are %s", settings)
	}
	g.stopped()
}

// TestGroupsContinueAfterKill9: a group has a durable position from the answer to its
// first subscribe on. Messages that are published without members wait for them.
func TestGroupsContinueAfterKill9(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ settings, group string }{
		"a group":                  {"SEAGATE_STREAMS_UNGROUPED=broadcast", uuid.NewString()},
		"the group of its clients": {"SEAGATE_STREAMS_UNGROUPED=client-group", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			g := startIn(t, folder, test.settings)
			g.define(root, "boiler")
			g.login(root, "root").subscribe(2, "boiler", test.group)

			g = again(t, g, folder, test.settings)
			g.publish(root, "boiler", `{"n":1}`)
			g = again(t, g, folder, test.settings)
			p := g.login(root, "root")
			p.subscribe(2, "boiler", test.group)
			p.want(delivery(2, "boiler", `{"n":1}`))
			g.publish(root, "boiler", `{"n":2}`)
			p.want(delivery(2, "boiler", `{"n":2}`))

			path := "/streams/boiler/groups/root/" + test.group
			if test.group == "" {
				path += "ungrouped"
			}
			eventually(t, "that all is acknowledged", func() bool {
				return strings.Contains(g.ok(root, "GET", path, ""), `"position":3,"lag":0,`)
			})
			code, err := g.stop() // which writes how far the group is
			if code != 0 || err != nil {
				t.Fatalf("stopped with %d, %v", code, err)
			}
			g = startIn(t, folder, test.settings)
			g.publish(root, "boiler", `{"n":3}`)
			p = g.login(root, "root")
			p.subscribe(2, "boiler", test.group)
			p.want(delivery(2, "boiler", `{"n":3}`))
			g.stopped()
		})
	}
}

// TestStreamsInMemoryAreEmptyAfterKill9, and have a new epoch, so that nobody
// reads another message under an old number.
func TestStreamsInMemoryAreEmptyAfterKill9(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ setting, ofStream string }{
		"all streams": {"SEAGATE_STREAMS_DURABILITY=memory", `{}`},
		"one stream":  {"SEAGATE_STREAMS_DURABILITY=disk", `{"durability":"memory"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			g := startIn(t, folder, test.setting)
			g.define(root, "boiler")
			g.ok(root, "PUT", "/streams/boiler/settings", test.ofStream)
			g.publish(root, "boiler", `{"n":1}`)
			epoch := field(t, g.ok(root, "GET", "/streams/boiler", ""), "epoch")
			for _, from := range []string{"1", "2"} {
				g.ok(root, "GET", "/streams/boiler/messages?from="+from+"&epoch="+epoch, "")
			}

			g = again(t, g, folder, test.setting)
			lost := func() {
				for _, from := range []string{"1", "2"} {
					g.refused(root, 410, "position_lost", "GET", "/streams/boiler/messages?from="+from+"&epoch="+epoch, "")
				}
			}
			lost()
			g.publish(root, "boiler", `{"n":2}`)
			lost()
			page := g.ok(root, "GET", "/streams/boiler/messages", "")
			if !strings.Contains(page, `"nextSeq":2`) || field(t, page, "epoch") == epoch {
				t.Errorf("after the restart: %s, before it the epoch was %s", page, epoch)
			}
			g.stopped()
		})
	}
}
