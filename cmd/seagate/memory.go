package main

import (
	"log/slog"
	"math"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// limitMemory tells the Go runtime how much memory the control group of the process
// allows, less a tenth for what the runtime does not count. The runtime then collects
// more often before the kernel ends the process. GOMEMLIMIT in the environment wins.
func limitMemory(log *slog.Logger) {
	limit, err := memlimit.Set(memlimit.WithProvider(memlimit.FromCgroup), memlimit.WithRatio(0.9))
	switch {
	case err != nil: // for example: no control groups on this system
		log.Debug("the memory of the control group is not known", "error", err)
	case limit < math.MaxInt64:
		log.Info("memory limit", "bytes", limit)
	}
}
