package gateway

import (
	"seagate/auth/fdsl"
	"seagate/protocol"
)

// filterView returns an explanation as the API shows it.
func filterView(x fdsl.Explanation) *protocol.FilterExplanation {
	return &protocol.FilterExplanation{
		Passes: x.Passes, Steps: x.Steps, TooCostly: x.TooCostly, Omitted: x.Omitted, Root: nodeView(&x.Root),
	}
}

func nodeView(x *fdsl.Explained) *protocol.FilterNode {
	n := &protocol.FilterNode{
		Type: x.Type, Text: x.Text, Outcome: string(x.Outcome), Decisive: x.Decisive, Value: x.Value, Reason: x.Reason,
	}
	for i := range x.Operands {
		n.Operands = append(n.Operands, nodeView(&x.Operands[i]))
	}
	return n
}
