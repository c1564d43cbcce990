package fdsl_test

import (
	"fmt"

	"seagate/auth/fdsl"
)

// limits are those of a gateway with its default configuration.
var limits = fdsl.Limits{Bytes: 16 << 10, Depth: 32, Nodes: 512}

func Example() {
	tree := `{"t":"and","e":[
		{"t":"eq","e":[{"t":"string","e":"NLRTM"},{"t":"path","e":"$.destination.port"}]},
		{"t":"eq","e":[{"t":"meta","e":"streamName"},{"t":"string","e":"portCall"}]}
	]}`
	filter, err := fdsl.Compile([]byte(tree), limits)
	if err != nil {
		fmt.Println(err)
		return
	}
	call := map[string]any{"destination": map[string]any{"port": "NLRTM"}}
	fmt.Println(filter.Match(call, "portCall"))
	fmt.Println(filter.Match(call, "invoices"))
	fmt.Println(filter.Match(map[string]any{}, "portCall"))
	// Output:
	// true
	// false
	// false
}

func ExampleFilter_For() {
	tree := `{"t":"and","e":[
		{"t":"path","e":"urgent"},
		{"t":"eq","e":[{"t":"meta","e":"streamName"},{"t":"string","e":"portCall"}]}
	]}`
	filter, err := fdsl.Compile([]byte(tree), limits)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, stream := range []string{"portCall", "invoices"} {
		left := filter.For(stream)
		passes, ok := left.Constant()
		fmt.Println(stream, left.Key(), passes, ok)
	}
	// Output:
	// portCall $["urgent"] false false
	// invoices false false true
}

func ExampleError() {
	_, err := fdsl.Compile([]byte(`{"t":"or","e":[{"t":"path","e":"$..port"},{"t":"bool","e":"yes"}]}`), limits)
	fmt.Println(err)
	// Output:
	// fdsl: not a filter: at "/e/0/e": bad path "$..port": at byte 2: expected a member name, not * or a second dot: a path names one place; at "/e/1/e": expected true or false, not a string
}
