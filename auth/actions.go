package auth

import (
	"fmt"
	"strings"
)

// An Action is something that a principal may be allowed to do within its jail.
type Action uint8

// The actions. The comments say what the name is that May asks for.
const (
	Subscribe         Action = iota + 1 // a stream
	Publish                             // a stream
	Provide                             // a stream: say that messages come, and be told whether anybody wants them
	Define                              // a stream: its schema; also the dry run of it
	Describe                            // a stream: its schemas and state
	ListStreams                         // none: the list has the streams that the client may Describe
	AdministerStreams                   // a stream: header, settings, pause, resume, groups, delete
	Serve                               // a service: calls and signals
	Fetch                               // a service; see MayFetch
	Signal                              // a service
	DescribeService                     // a service: its definitions and servers
	ListServices                        // none: the list has the services that the client may describe
	DefineServices                      // a service: its schemas; also the dry run of it, and to delete them
	ManageClients                       // none: create, list, delete; secrets, keys and rights
	ManageJails                         // none: create, list, delete
	BackUp                              // none: the whole server
	ImportAll                           // none: jails, clients with their secrets, and streams
	ListConnections                     // none: the list has the client's own, and with ManageClients those of the jail
	EndConnections                      // none: those of the jail, and with InspectServer those of all jails
	InspectServer                       // none: connections of all jails, the configuration, the log
	EvaluateFilters                     // none: filters, and the client's own tokens
	Explain                             // none: what happened to a message on its way to the client itself
	ExplainOthers                       // none: the same for other clients of the jail
	endOfActions
)

// A rule is the name of an action, and the right that it needs. If needs is "", the action
// needs any right for the name that it is about, or no right if it is about none.
type rule struct {
	text     string // completes the sentence "not allowed to"
	needs    Right
	nameless bool // the right must be for all names
	root     bool // only for clients of the root jail
	all      bool // needs all rights
}

var rules = [endOfActions]rule{
	Subscribe:         {text: "subscribe", needs: RightSubscribe},
	Publish:           {text: "publish", needs: RightPublish},
	Provide:           {text: "provide streams", needs: RightPublish},
	Define:            {text: "define schemas", needs: RightDefine},
	Describe:          {text: "read schemas"},
	ListStreams:       {text: "list streams", nameless: true},
	AdministerStreams: {text: "administer streams", needs: RightAdminister},
	Serve:             {text: "serve", needs: RightServe},
	Fetch:             {text: "fetch", needs: RightFetch},
	Signal:            {text: "signal", needs: RightFetch},
	DescribeService:   {text: "describe services"},
	ListServices:      {text: "list services", nameless: true},
	DefineServices:    {text: "define services", needs: RightDefine},
	ManageClients:     {text: "manage clients", needs: RightAdminister, nameless: true},
	ManageJails:       {text: "manage jails", needs: RightAdminister, nameless: true, root: true},
	BackUp:            {text: "back up the server", needs: RightAdminister, nameless: true, root: true},
	ImportAll:         {text: "import jails and clients", nameless: true, root: true, all: true},
	ListConnections:   {text: "list connections", nameless: true},
	EndConnections:    {text: "end connections", needs: RightAdminister, nameless: true},
	EvaluateFilters:   {text: "evaluate filters", nameless: true},
	InspectServer:     {text: "inspect the server", needs: RightAdminister, nameless: true, root: true},
	Explain:           {text: "ask what happened to messages", nameless: true},
	ExplainOthers:     {text: "ask what happened to messages for other clients", needs: RightAdminister, nameless: true},
}

// Administers reports whether the action is one of an administrator: it changes what
// administrators are responsible for, or shows all of that.
func (a Action) Administers() bool {
	switch a {
	case Define, AdministerStreams, DefineServices, ManageClients, ManageJails, BackUp, ImportAll, EndConnections, InspectServer:
		return true
	}
	return false
}

func (a Action) known() bool { return a > 0 && a < endOfActions }

// String completes the sentence "not allowed to".
func (a Action) String() string {
	if !a.known() {
		return "do this"
	}
	return rules[a].text
}

// May returns nil if p may take the action on the stream or service of that name, and a
// *ForbiddenError otherwise. It ignores name for actions that are about no name. May does not
// check whether the credential is in force: InForce does.
func (p *Principal) May(action Action, name string) error {
	if !action.known() {
		return &ForbiddenError{action, "no such action"}
	}
	rule, rights := rules[action], p.Rights()
	if rule.nameless {
		name = AllNames
	}
	switch {
	case p.Method == MethodToken:
		if err := p.claimed(action, name); err != nil {
			return err
		}
	case p.Method != MethodBasic:
		return &ForbiddenError{action, "not authenticated"}
	case rule.root && !p.Root:
		return &ForbiddenError{action, "only clients of the root jail may"}
	}
	switch {
	case rights == nil, rule.needs == "" && rule.nameless && !rule.all:
		return nil
	case rule.all:
		return &ForbiddenError{action, fmt.Sprintf("client %s needs all rights; it has %s", p.ClientID, rights)}
	case rule.needs == "":
		return p.mayAny(action, name, rights)
	case !rights.allow(rule.needs, name):
		return &ForbiddenError{action, lacking(p, rule.needs, name, rights)}
	}
	return nil
}

// mayAny returns nil if p has any right for the name.
func (p *Principal) mayAny(action Action, name string, rights *Rights) error {
	of := []Right{RightPublish, RightSubscribe, RightDefine, RightAdminister}
	if action == DescribeService {
		of = []Right{RightServe, RightFetch, RightDefine, RightAdminister}
	}
	for _, right := range of {
		if rights.allow(right, name) {
			return nil
		}
	}
	return &ForbiddenError{action, fmt.Sprintf("client %s needs a right for %q; it has %s", p.ClientID, name, rights)}
}

func lacking(p *Principal, right Right, name string, rights *Rights) string {
	has := "it has none of that right"
	if patterns := rights.Of(right); len(patterns) > 0 {
		has = fmt.Sprintf("it has %s for %s", right, strings.Join(patterns, ", "))
	}
	return fmt.Sprintf("client %s needs the right %s for %q; %s", p.ClientID, right, name, has)
}

// claimed returns nil if the claims of p's token allow the action.
func (p *Principal) claimed(action Action, name string) error {
	switch {
	case action == Subscribe && p.Streams == nil,
		action == Subscribe && matches(p.Streams, name),
		action == Publish && matches(p.Publishes, name),
		action == Fetch && len(p.Fetches) > 0: // MayFetch checks the procedure
		return nil
	case action == Subscribe:
		return &ForbiddenError{action, fmt.Sprintf("the streams claim of the token does not list %q", name)}
	case action == Publish && p.Publishes != nil:
		return &ForbiddenError{action, fmt.Sprintf("the publish claim of the token does not list %q", name)}
	case action == Publish:
		return &ForbiddenError{action, fmt.Sprintf(
			"the bearer of a token may only subscribe; a publish claim that lists %q would allow it, or use the client's id and secret", name)}
	case action == Fetch:
		return &ForbiddenError{action, fmt.Sprintf(
			"the bearer of a token may only subscribe; a fetch claim that lists %q would allow it, or use the client's id and secret", name)}
	}
	return &ForbiddenError{action, "the bearer of a token may only subscribe; use the client's id and secret"}
}
