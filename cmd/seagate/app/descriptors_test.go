package app

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"seagate/cmd/seagate/config"
)

func TestDescriptorsAreDivided(t *testing.T) {
	limits := config.Limits{Sockets: 110_000}
	for _, test := range []struct {
		limit uint64
		want  descriptors
	}{
		{256, descriptors{storage: 64, sockets: 64, admin: 32}},
		{1024, descriptors{storage: 256, sockets: 640, admin: 32}},
		{100_000, descriptors{storage: 1000, sockets: 98_872, admin: 32}},
		{111_128, descriptors{storage: 1000, sockets: 110_000, admin: 32, enough: true}},
		{1<<64 - 1, descriptors{storage: 1000, sockets: 110_000, admin: 32, enough: true}},
	} {
		if got, err := divide(test.limit, limits); got != test.want || err != nil {
			t.Errorf("%d: %+v, %v; want %+v", test.limit, got, err, test.want)
		}
	}
	if _, err := divide(255, limits); err == nil || !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("too few: %v", err)
	}
}

// The unit of systemd leaves room for as many connections as there may be by default.
func TestUnitAllowsEnoughDescriptors(t *testing.T) {
	unit, err := os.ReadFile("../../../packaging/systemd/seagate.service")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^LimitNOFILE=(\d+)$`).FindSubmatch(unit)
	if found == nil {
		t.Fatal("the unit has no LimitNOFILE")
	}
	limit, _ := strconv.ParseUint(string(found[1]), 10, 64)
	if d, err := divide(limit, config.Default().Limits); err != nil || !d.enough {
		t.Errorf("with %d open files there are %d connections: %v", limit, d.sockets, err)
	}
}
