package main_test

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// basic returns the credentials for HTTP Basic.
func basic(c credentials) string {
	return base64.StdEncoding.EncodeToString([]byte(c.id + ":" + c.secret))
}

// metrics returns the series of /metrics with their values.
func (g *gateway) metrics() map[string]float64 {
	g.t.Helper()
	a, err := g.operator("/metrics")
	if err != nil {
		g.t.Fatal(err)
	}
	series := map[string]float64{}
	for line := range strings.Lines(a.body) {
		line = strings.TrimSpace(line)
		end := strings.LastIndexByte(line, ' ')
		if end < 0 || line[0] == '#' {
			continue
		}
		value, err := strconv.ParseFloat(line[end+1:], 64)
		if err != nil {
			g.t.Fatalf("%s: %v", line, err)
		}
		series[line[:end]] = value
	}
	return series
}

// metric returns the value of one series.
func (g *gateway) metric(name string) float64 {
	g.t.Helper()
	value, there := g.metrics()[name]
	if !there {
		g.t.Fatalf("there is no series %s", name)
	}
	return value
}

func TestMetricsAreCounted(t *testing.T) {
	t.Parallel()
	g := start(t)
	g.define(root, "boiler")
	p := g.login(root, "root")
	p.subscribe(2, "boiler", "")
	p.subscribe(3, "boiler", groupID)
	g.publish(root, "boiler", `{"n":1}`)
	g.publish(root, "boiler", `{"n":2}`)
	for range 4 {
		p.next()
	}
	g.refused(root, 404, "stream_not_found", "GET", "/streams/nothing", "")
	g.refused(credentials{"root", "wrong"}, 401, "invalid_credentials", "GET", "/streams", "")
	p.Send(`[]`)
	p.wantRefusal("protocol_violation")
	stays := g.login(root, "root")
	stays.subscribe(2, "boiler", "")
	eventually(t, "that one connection is left", func() bool { return g.metric(`seagate_connections{transport="websocket"}`) == 1 })
	now := g.metrics()
	for series, want := range map[string]float64{
		`seagate_connections_total{transport="websocket"}`:                        2,
		`seagate_connections_ended_total{code="protocol_violation"}`:              1,
		`seagate_subscriptions{kind="own"}`:                                       1,
		`seagate_subscriptions{kind="group"}`:                                     0,
		`seagate_messages_in_total`:                                               2,
		`seagate_bytes_in_total`:                                                  14,
		`seagate_messages_out_total`:                                              4,
		`seagate_refusals_total{code="stream_not_found",transport="http"}`:        1,
		`seagate_refusals_total{code="invalid_credentials",transport="http"}`:     1,
		`seagate_refusals_total{code="protocol_violation",transport="websocket"}`: 1,
		`seagate_queue_bytes`:                                                     0,
		`seagate_slow_subscribers_total`:                                          0,
		`seagate_authentications_refused_total{reason="wrong_secret"}`:            1,
		`seagate_authentications_limited_total`:                                   0,
		`seagate_groups`:                                                          1,
		`seagate_group_members`:                                                   0,
	} {
		if got, there := now[series]; !there || got != want {
			t.Errorf("%s is %v (%v), want %v", series, got, there, want)
		}
	}
	if now["seagate_bytes_out_total"] < 4*14 {
		t.Errorf("seagate_bytes_out_total is %v", now["seagate_bytes_out_total"])
	}
}

// TestClientsCannotCreateMetricSeries, even with a hundred different names.
func TestClientsCannotCreateMetricSeries(t *testing.T) {
	t.Parallel()
	g := start(t, "SEAGATE_LIMITS_FAILED_AUTHENTICATIONS=1000000")
	g.define(root, "boiler")
	p := g.login(root, "root")
	id := 1
	makeUp := func(times int) {
		for range times {
			name := uuid.NewString()
			stranger := credentials{name, root.secret}
			g.refused(stranger, 401, "invalid_credentials", "GET", "/streams", "")
			g.refused(root, 404, "stream_not_found", "POST", "/streams/"+name+"/publish", `{"payload":{}}`)
			g.refused(root, 404, "path_not_found", "GET", "/"+name+"/"+name, "")
			g.refused(root, 405, "method_not_allowed", strings.ToUpper(name[:8]), "/streams", "")
			id++
			p.Send(fmt.Sprintf(`{"id":%d,"action":"subscribe","payload":%q}`, id, name))
			p.wantRefusal("stream_not_found")
			id++
			p.Send(fmt.Sprintf(`{"id":%d,"action":%q}`, id, name))
			p.wantRefusal("invalid_request")
		}
	}
	makeUp(1)
	before := g.metrics()
	makeUp(100)
	after := g.metrics()
	for series := range after {
		if _, there := before[series]; !there && !strings.HasPrefix(series, "go_") {
			t.Errorf("a new series: %s", series)
		}
	}
}

// TestIdleGroupsAreDeleted, since the JavaScript client can create a group with every
// connection.
func TestIdleGroupsAreDeleted(t *testing.T) {
	t.Parallel()
	g := start(t, "SEAGATE_GROUPS_IDLE_TIMEOUT=1s")
	g.define(root, "boiler")
	for range 200 {
		p := g.login(root, "root")
		p.subscribe(2, "boiler", uuid.NewString())
		p.Net.Close()
	}
	eventually(t, "that the groups are gone", func() bool {
		now := g.metrics()
		return now["seagate_groups"] == 0 && now[`seagate_subscriptions{kind="group"}`] == 0 && now[`seagate_connections{transport="websocket"}`] == 0
	})
	if state := g.ok(root, "GET", "/streams/boiler", ""); !strings.Contains(state, `"subscribers":0`) {
		t.Errorf("the stream has %s", state)
	}
}

// TestFanoutLeavesNoLag: JavaScript's fanout leaves a group behind with each
// connection, which nobody comes back to.
func TestFanoutLeavesNoLag(t *testing.T) {
	t.Parallel()
	leave := func(g *gateway, extension string) {
		p := g.login(root, "root")
		p.Send(fmt.Sprintf(`{"id":2,"action":"subscribe","payload":"boiler","groupId":%q%s}`, uuid.NewString(), extension))
		p.next()
		p.Net.Close()
	}
	g := start(t)
	g.define(root, "boiler")
	for range 10 {
		leave(g, "")
	}
	g.publish(root, "boiler", `{"n":1}`)
	eventually(t, "that nobody is left", func() bool { return g.metric("seagate_group_members") == 0 })
	now := g.metrics()
	if now["seagate_groups_abandoned"] != 10 || now["seagate_group_lag_max_messages"] != 0 {
		t.Errorf("%v groups are abandoned, the highest lag is %v", now["seagate_groups_abandoned"], now["seagate_group_lag_max_messages"])
	}
	if list := g.ok(root, "GET", "/streams/boiler/groups", ""); strings.Count(list, `"members":0,"abandoned":true,`) != 10 {
		t.Errorf("the groups are %s", list)
	}

	hasty := start(t, "SEAGATE_GROUPS_ABANDONED_TIMEOUT=1s")
	hasty.define(root, "boiler")
	leave(hasty, `,"meta":true`)
	leave(hasty, "")
	hasty.publish(root, "boiler", `{"n":1}`)
	eventually(t, "that one is forgotten", func() bool { return hasty.metric("seagate_groups") == 1 })
	if lag := hasty.metric("seagate_group_lag_max_messages"); lag != 1 {
		t.Errorf("the lag of the group that somebody may come back to is %v", lag)
	}
}
