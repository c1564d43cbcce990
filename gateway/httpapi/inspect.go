package httpapi

import (
	"log/slog"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/gateway"
	"seagate/protocol"
)

// getConfig is GET /config.
func (q *request) getConfig() (any, error) {
	settings, err := q.gateway.Configuration(q.principal)
	return struct {
		Settings []protocol.SettingInfo `json:"settings"`
	}{settings}, err
}

// logLevels are the names of levels in requests.
var logLevels = map[string]slog.Level{
	"": slog.LevelDebug, "debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// getLogs is GET /logs?level=&after=&limit=.
func (q *request) getLogs() (any, error) {
	query := q.query("level", "after", "limit")
	limit := query.limit()
	level, ok := logLevels[query.values["level"]]
	if !ok {
		query.Add("query", "level must be debug, info, warn or error")
	}
	var after *uint64
	if cursor, given := query.values["after"]; given {
		position, ok := decodeCursor(cursor)
		number, err := strconv.ParseUint(position, 10, 64)
		if !ok || err != nil {
			query.Add("query", "after is not a position in the log; send the next of the page before, as it is, or leave it out")
		}
		after = &number
	}
	if err := query.err(); err != nil {
		return nil, err
	}
	page, err := q.gateway.RecentLog(q.principal, after, level, limit)
	answer := protocol.LogLines{Lines: make([]jsontext.Value, len(page.Lines)), Missed: page.Missed}
	for i, line := range page.Lines {
		answer.Lines[i] = line.JSON
	}
	answer.Next = string(encodeCursor(strconv.FormatUint(page.Next, 10)))
	return answer, err
}

// getNetwork is GET /network?after=&limit=.
func (q *request) getNetwork() (any, error) {
	page, next, err := readPage(q, q.gateway.StreamUsers, func(n gateway.NetworkInfo) (protocol.NetworkInfo, string) {
		return networkView(n), n.Name
	})
	return struct {
		Streams []protocol.NetworkInfo `json:"streams"`
		Next    protocol.Nullable      `json:"next"`
	}{page, next}, err
}

func networkView(n gateway.NetworkInfo) protocol.NetworkInfo {
	s := streamView(n.StreamInfo)
	v := protocol.NetworkInfo{
		Name: s.Name, Registered: s.Registered, Paused: s.Paused, Held: s.Held, Requested: s.Requested, Groups: s.Groups,
		Providers: make([]protocol.NetworkProvider, len(n.Providers)), Subscribers: make([]protocol.NetworkSubscriber, len(n.Subscribers)),
		More: n.More,
	}
	for i, one := range n.Providers {
		v.Providers[i] = protocol.NetworkProvider{ClientID: one.ClientID, Connections: one.Connections, Paused: one.Paused == one.Subscriptions}
	}
	for i, one := range n.Subscribers {
		v.Subscribers[i] = protocol.NetworkSubscriber{
			ClientID: one.ClientID, Kind: one.Kind, GroupID: protocol.Nullable(one.Group),
			Connections: one.Connections, Subscriptions: one.Subscriptions,
		}
	}
	return v
}
