package client

import (
	"time"

	"seagate/protocol"
)

// A Position is where in a stream to begin. The zero value is after the newest
// message. protocol.ParsePosition reads a Position from text.
type Position = protocol.Position

// Earliest is the position of the oldest message that the stream keeps.
func Earliest() Position { return Position{Kind: protocol.PositionEarliest} }

// AtSeq is the position of the message with this number, which is 1 or more.
func AtSeq(seq uint64) Position { return Position{Kind: protocol.PositionSeq, Seq: seq} }

// Since is the position of the first message that was accepted at t or later.
func Since(t time.Time) Position { return Position{Kind: protocol.PositionTime, Time: t.UTC()} }
