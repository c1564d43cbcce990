package app

import (
	"github.com/go-json-experiment/json"

	"seagate/internal/recentlog"
	"seagate/protocol"
)

// configuration returns the settings in force, as `seagate config` shows them. Secrets are hidden.
func (a *App) configuration() []protocol.SettingInfo {
	entries := a.live.Load().Entries()
	all := make([]protocol.SettingInfo, 0, len(entries))
	for _, e := range entries {
		value, err := json.Marshal(e.Value)
		if err != nil {
			a.log.Error("a setting could not be shown", "key", e.Key, "error", err)
			continue
		}
		all = append(all, protocol.SettingInfo{Key: e.Key, Value: value, Origin: e.Origin, Live: e.Live})
	}
	return all
}

// ShowLog lets the API show lines of the log. It must be called before Run.
func (a *App) ShowLog(l *recentlog.Log) { a.gateway.Recent = l }
