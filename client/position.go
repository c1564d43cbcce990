package client

import (
	"time"

	"seagate/protocol"
)

// A Position is where in a stream to begin to read. The zero value is behind
// the newest message. protocol.ParsePosition reads one from text.
type Position = protocol.Position

// Earliest is the position of the oldest message that the stream keeps.
func Earliest() Position { return Position{Kind: protocol.PositionEarliest} }

// AtSeq is the position of the message with a number, from 1 on.
func AtSeq(seq uint64) Position { return Position{Kind: protocol.PositionSeq, Seq: seq} }

// Since is the position of the first message that is not older than t.
func Since(t time.Time) Position { return Position{Kind: protocol.PositionTime, Time: t.UTC()} }
