package protocol

import "time"

// A Verdict is the answer of one step of an explanation.
type Verdict string

// The verdicts.
const (
	VerdictYes     Verdict = "yes"
	VerdictNo      Verdict = "no"
	VerdictWaiting Verdict = "waiting" // it can still happen
	VerdictUnknown Verdict = "unknown" // the gateway keeps nothing that tells
)

// An Explanation says what happened to a message on its way to a recipient, or would happen.
type Explanation struct {
	StreamName string `json:"streamName"`
	Seq        uint64 `json:"seq"` // of a message that is not published, the number that it would have; 0 if none
	DryRun     bool   `json:"dryRun"`
	ClientID   string `json:"clientId,omitzero"` // the recipient; "" in a dry run for all
	Token      bool   `json:"token,omitzero"`    // the recipient is the bearer of a token of that client
	GroupID    string `json:"groupId,omitzero"`  // "" for none
	// Verdict says whether the recipient was handed the message. Summary says so in a sentence.
	Verdict Verdict       `json:"verdict"`
	Summary string        `json:"summary"`
	Steps   []ExplainStep `json:"steps"`
	Omitted bool          `json:"omitted,omitzero"` // there are connections or groups beyond those of Steps
}

// An ExplainStep is one step of an explanation.
type ExplainStep struct {
	Step    string    `json:"step"` // such as StepFilter
	Verdict Verdict   `json:"verdict"`
	Code    string    `json:"code"` // one of ExplainCodes, or the Code of the refusal
	Message string    `json:"message"`
	At      time.Time `json:"at,omitzero"`
	Errors  []string  `json:"errors,omitempty"` // what is wrong with the message or token

	// What the step is about.
	ClientID     string `json:"clientId,omitzero"`
	GroupID      string `json:"groupId,omitzero"`
	ConnectionID string `json:"connectionId,omitzero"`

	// Details; nil where a step has none.
	Schema     *ExplainedSchema   `json:"schema,omitzero"`
	Retention  *ExplainedKeeping  `json:"retention,omitzero"`
	Filter     *FilterExplanation `json:"filter,omitzero"`
	Cursor     *ExplainedCursor   `json:"cursor,omitzero"`
	Group      *ExplainedGroup    `json:"group,omitzero"`
	Recipients *ExplainedCounts   `json:"recipients,omitzero"`

	Steps []ExplainStep `json:"steps,omitempty"` // one for each recipient
}

// The steps, in their order.
const (
	StepCredentials  = "credentials"  // are those of the recipient, or of the publisher, in force?
	StepRights       = "rights"       // may it read the stream, or publish to it?
	StepStream       = "stream"       // is there such a stream?
	StepAccepted     = "accepted"     // was the message accepted, and when?
	StepSchema       = "schema"       // under which version of the definition?
	StepRetention    = "retention"    // is the message kept?
	StepFilter       = "filter"       // does the filter of the recipient pass it?
	StepSubscription = "subscription" // where does a subscription stand?
	StepGroup        = "group"        // what did a group do with it?
	StepRecipients   = "recipients"   // who would get it?
)

// An ExplainedSchema is the versions of a definition as they concern a message.
type ExplainedSchema struct {
	InForce  string   `json:"inForce,omitzero"` // when the message was accepted; "" if that is not known, or none was
	Current  string   `json:"current,omitzero"` // now; "" for none
	Accepts  []string `json:"accepts"`          // of the newest versions, those that accept the message
	Refuses  []string `json:"refuses"`          // and those that refuse it
	Versions int      `json:"versions"`         // how many there are
}

// An ExplainedKeeping is how the stream keeps its messages.
type ExplainedKeeping struct {
	FirstSeq uint64 `json:"firstSeq"` // the oldest message that is kept
	NextSeq  uint64 `json:"nextSeq"`
	Epoch    string `json:"epoch"`
	// The limits; 0 is none.
	AgeSeconds int64  `json:"ageSeconds"`
	Bytes      int64  `json:"bytes"`
	Messages   uint64 `json:"messages"`
	// RemovedBy is the limits that the stream exceeded when the message was removed: "age",
	// "bytes", "messages". It is empty if that is not known.
	RemovedBy []string `json:"removedBy,omitempty"`
}

// An ExplainedCursor is where a subscription stands.
type ExplainedCursor struct {
	Kind     string `json:"kind"`     // as in SubscriptionInfo
	Began    uint64 `json:"began"`    // the first message that it was to have
	Position uint64 `json:"position"` // the message that comes next; 0 if the gateway was too busy to tell
	Behind   uint64 `json:"behind"`   // messages of the stream from there on
	Slow     bool   `json:"slow"`     // the peer reads more slowly than messages come
}

// An ExplainedGroup is what a group knows of a message.
type ExplainedGroup struct {
	Position   uint64 `json:"position"` // the first message that it is not done with
	Members    int    `json:"members"`
	Able       int    `json:"able"` // members that have room and credit
	Deliveries int    `json:"deliveries"`
	Failures   int    `json:"failures"`
	Reason     string `json:"reason,omitzero"` // of the last failure if it is known
}

// ExplainedCounts is who would get a message.
type ExplainedCounts struct {
	Subscriptions int `json:"subscriptions"` // in no group
	Groups        int `json:"groups"`
	Filters       int `json:"filters"` // different ones, of subscriptions and members of groups
	// Of the filters, as far as they were looked at.
	Pass    int `json:"pass"`
	Hide    int `json:"hide"`
	Omitted int `json:"omitted,omitzero"` // recipients that are not listed
}

// An ExplainCode is what a step can say, besides the codes of refusals.
type ExplainCode struct {
	Code    string
	Step    string
	Verdict Verdict
	Means   string
}

// ExplainCodes lists the codes of steps.
var ExplainCodes = []ExplainCode{
	{"credentials_in_force", StepCredentials, VerdictYes, "the client exists, and its credential has neither expired nor been revoked"},
	{"token_refused", StepCredentials, VerdictNo, "the token is not accepted; the message says why"},
	{"other_jail", StepCredentials, VerdictNo, "the token is for another jail"},
	{"may_subscribe", StepRights, VerdictYes, "the rights, and the claims of the token, allow to read the stream"},
	{"may_publish", StepRights, VerdictYes, "the rights allow to publish"},
	{"stream_defined", StepStream, VerdictYes, "the stream is there"},
	{"stream_without_definition", StepStream, VerdictYes, "the stream is there, and nobody has defined it"},
	{"message_accepted", StepAccepted, VerdictYes, "the gateway has accepted the message"},
	{"not_published", StepAccepted, VerdictNo, "no message has this number yet"},
	{"would_be_accepted", StepAccepted, VerdictYes, "publishing it would succeed"},
	{"would_be_refused", StepAccepted, VerdictNo, "publishing it would fail for a reason of the steps before"},
	{"schema_in_force", StepSchema, VerdictYes, "the version that was in force then is known"},
	{"schema_unknown", StepSchema, VerdictUnknown, "the version that was in force then is not known"},
	{"schema_none", StepSchema, VerdictYes, "nobody had defined the stream then, so nothing was checked"},
	{"schema_matches", StepSchema, VerdictYes, "the message matches the definition in force"},
	{"message_kept", StepRetention, VerdictYes, "the stream keeps the message"},
	{"message_removed", StepRetention, VerdictNo, "retention has removed the message"},
	{"no_filter", StepFilter, VerdictYes, "the recipient has no filter"},
	{"filter_passes", StepFilter, VerdictYes, "the filter of the token passes the message"},
	{"filter_hides", StepFilter, VerdictNo, "the filter of the token hides the message"},
	{"filter_too_costly", StepFilter, VerdictNo, "the filter needs more steps than limits.filter_steps, which hides the message"},
	{"filter_unknown", StepFilter, VerdictUnknown, "the message is gone, or nobody is there whose filter could be asked"},
	{"no_subscription", StepSubscription, VerdictWaiting, "no connection of the recipient reads the stream now"},
	{"subscription_past", StepSubscription, VerdictYes, "the subscription is behind the message: the message was sent to its connection"},
	{"subscription_before", StepSubscription, VerdictWaiting, "the subscription has not come to the message yet"},
	{"subscription_later", StepSubscription, VerdictNo, "the subscription began behind the message"},
	{"subscription_hidden", StepSubscription, VerdictNo, "the subscription does not get the message, for a reason of the steps before"},
	{"subscription_filtered", StepSubscription, VerdictNo, "the filter that the subscription has asked for hides the message"},
	{"subscription_would_take", StepSubscription, VerdictYes, "the message would be sent to the connection"},
	{"subscription_unknown", StepSubscription, VerdictUnknown, "the gateway was too busy to tell where the subscription stands"},
	{"group_acknowledged", StepGroup, VerdictYes, "a member has acknowledged the message"},
	{"group_done", StepGroup, VerdictUnknown, "the group is done with the message, and nobody remembers how"},
	{"group_in_flight", StepGroup, VerdictYes, "a member has the message, and has not acknowledged it yet"},
	{"group_waiting", StepGroup, VerdictWaiting, "the message was handed out, came back, and waits for a member"},
	{"group_delayed", StepGroup, VerdictWaiting, "a member returned the message with a delay that is not over"},
	{"group_not_reached", StepGroup, VerdictWaiting, "the group has not handed the message out yet"},
	{"group_skipped", StepGroup, VerdictNo, "no member that was there could see the message, so the group passed it over"},
	{"group_dead_lettering", StepGroup, VerdictNo, "the message failed too often, and is about to become a dead letter"},
	{"group_dead_lettered", StepGroup, VerdictNo, "the message failed too often, and is a dead letter"},
	{"group_lost", StepGroup, VerdictNo, "retention removed the message before the group handed it out"},
	{"group_moved", StepGroup, VerdictNo, "the group was moved behind the message"},
	{"group_began_later", StepGroup, VerdictNo, "the group began behind the message"},
	{"group_hidden", StepGroup, VerdictNo, "the group does not hand the message to this recipient, for a reason of the steps before"},
	{"group_would_take", StepGroup, VerdictYes, "a member of the group would be handed the message"},
	{"recipients_listed", StepRecipients, VerdictYes, "who would get the message"},
	{"recipients_none", StepRecipients, VerdictWaiting, "nobody reads the stream now; the stream keeps the message for those who come"},
}
