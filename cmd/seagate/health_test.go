package main_test

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// TestWatchdog: the gateway tells a service manager that has a watchdog, as long as it works, and one that has none
// nothing.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("there is no systemd")
	}
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.SetReadDeadline(time.Now().Add(patience))
	g := start(t, "NOTIFY_SOCKET="+l.LocalAddr().String(), "WATCHDOG_USEC=2000000")
	said := map[string]int{}
	for said["WATCHDOG=1"] < 2 {
		b := make([]byte, 1000)
		n, err := l.Read(b)
		if err != nil {
			t.Fatalf("%v, after %v", err, said)
		}
		said[string(b[:n])]++
	}
	if said["READY=1"] != 1 {
		t.Errorf("it said %v", said)
	}
	g.stopped()
}

// TestHealth: the command says with its exit status whether the gateway of a configuration works.
func TestHealth(t *testing.T) {
	t.Parallel()
	g := start(t)
	admin := "SEAGATE_ADMIN_LISTEN=" + g.admin
	for _, arguments := range []string{"health", "health --live", "health --wait 1s"} {
		if r := command(t, []string{admin}, strings.Fields(arguments)...); r.code != 0 || r.out != "The gateway answers.\n" {
			t.Errorf("%s: %+v", arguments, r)
		}
	}
	g.stopped()
	for environment, want := range map[string]string{
		admin:                              "no gateway answers at its admin listener",
		"SEAGATE_ADMIN_LISTEN=":            "set admin_listen",
		"SEAGATE_ADMIN_LISTEN=127.0.0.1:0": "port 0",
		"SEAGATE_ADMIN_LISTEN=no address":  "admin_listen must be HOST:PORT",
	} {
		if r := command(t, []string{environment}, "health"); r.code == 0 || !strings.Contains(r.notes, want) {
			t.Errorf("%s: %+v, want %q", environment, r, want)
		}
	}
}

// TestHistograms: what happens is in the histograms, which are native for a Prometheus that asks for protobuf.
func TestHistograms(t *testing.T) {
	t.Parallel()
	g := start(t)
	g.define(root, "boiler")
	p := g.login(root, "root")
	p.subscribe(2, "boiler", "")
	for i := range 10 {
		g.publish(root, "boiler", fmt.Sprintf(`{"n":%d}`, i))
		p.next()
	}
	g.refused(root, 405, "method_not_allowed", "PATCH", "/streams", "")
	now := g.metrics()
	for series, least := range map[string]float64{
		`seagate_publish_seconds_count`:  10,
		`seagate_commit_seconds_count`:   10,
		`seagate_delivery_seconds_count`: 1, // batches
		`seagate_http_request_seconds_count{method="POST",route="/api/v1/streams/{stream}/publish"}`: 10,
		`seagate_http_request_seconds_count{method="other",route="/api/v1/streams"}`:                 1,
		`seagate_publish_seconds_bucket{le="60"}`:                                                    10,
	} {
		if now[series] < least {
			t.Errorf("%s is %v, want %v", series, now[series], least)
		}
	}
	r, err := http.NewRequest("GET", "http://"+g.admin+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
	scraped, err := fetch(r)
	if err != nil {
		t.Fatal(err)
	}
	decoder := expfmt.NewDecoder(strings.NewReader(scraped.body), expfmt.ResponseFormat(scraped.header))
	native := 0
	for {
		var family dto.MetricFamily
		if decoder.Decode(&family) != nil {
			break
		}
		for _, m := range family.GetMetric() {
			if len(m.GetHistogram().GetPositiveSpan()) > 0 {
				native++
			}
		}
	}
	if native < 4 {
		t.Errorf("%d histograms are native", native)
	}
}
