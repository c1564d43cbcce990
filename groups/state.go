package groups

import "seagate/streams"

// State implements streams.Consumer. The group takes every change. A member that
// has no room for one is told the latest when it has.
func (rd *reader) State(s streams.State) bool {
	rd.setState(s)
	rd.tellState()
	return true
}

func (rd *reader) setState(s streams.State) {
	g := rd.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reader == rd {
		g.topicState = s
	}
}

// tellState tells each ready member of the topic's state, if it wants to know and
// was told another one last. Owned by the worker.
func (rd *reader) tellState() {
	for _, ms := range rd.uninformed() {
		for s, ok := ms.beginState(); ok; s, ok = ms.beginState() {
			ms.endState(s, ms.tellState(s))
		}
	}
}

func (rd *reader) uninformed() (members []*Membership) {
	g := rd.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reader != rd {
		return nil
	}
	for _, ms := range g.members {
		if ms.isUninformedLocked() {
			members = append(members, ms)
		}
	}
	return members
}

func (ms *Membership) isUninformedLocked() bool {
	return ms.onState != nil && ms.state == ready && ms.toldState != ms.group.topicState
}

// holdUninformedLocked lets a ready member wait until the worker has told it of
// the topic's state, so that no message comes first.
func (ms *Membership) holdUninformedLocked() {
	if ms.isUninformedLocked() {
		ms.state = starting
	}
}

// beginState returns what the member is to be told, if it is to be told anything.
func (ms *Membership) beginState() (s streams.State, ok bool) {
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	ms.resumed = false
	return ms.group.topicState, ms.isUninformedLocked()
}

// tellState calls JoinOptions.State. If it panics, the member is dead.
func (ms *Membership) tellState(s streams.State) (taken bool) {
	defer ms.containPanic()
	return ms.onState(s)
}

// endState notes what the member was told. One that had no room is handed nothing
// until it has.
func (ms *Membership) endState(s streams.State, taken bool) {
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	switch {
	case taken:
		ms.toldState = s
	case ms.state == ready && !ms.resumed:
		ms.state = full
	}
}
