package fdsl_test

import (
	"fmt"
	"testing"

	"github.com/go-json-experiment/json"

	"seagate/auth/fdsl"
)

var sink *fdsl.Filter

const benchmarkDoc = `{"id":"7f3c","carrier":"MAEU","status":"arrived","teu":1250.5,"imo":9321483,"eta":"2026-01-01T00:00:00Z",
	"origin":{"port":"CNSHA"},"destination":{"port":"NLRTM","berth":{"number":4}},"tags":["reefer"],"stops":[]}`

func BenchmarkMatch(b *testing.B) {
	doc := decode(b, benchmarkDoc)
	status, carrier := eq(path("$.status"), text("arrived")), eq(path("$.carrier"), text("MAEU"))
	filters := []struct {
		name string
		tree any
	}{
		{"1 leaf", status},
		{"3 leaves", and(status, carrier, eq(path("$.teu"), number(1250.5)))},
		{"3 leaves, nested", and(status, carrier, eq(path("$.destination.port"), text("NLRTM")))},
		{"3 leaves, first fails", and(eq(path("$.id"), text("")), status, carrier)},
		{"or", or(eq(path("$.destination.port"), text("DEHAM")), eq(path("$.destination.port"), text("NLRTM")))},
		{"not", not(eq(path("$.status"), text("left")))},
		{"missing", and(missing, status, carrier)},
		{"meta", eq(meta, text("fleet"))},
		{"paths", eq(path("destination"), path("$.destination"))},
	}
	for _, f := range filters {
		b.Run(f.name, func(b *testing.B) {
			filter := compileTree(b, f.tree)
			b.ReportAllocs()
			for b.Loop() {
				filter.Match(doc, "fleet")
			}
		})
	}
}

// BenchmarkByHand is "3 leaves" of BenchmarkMatch written in Go. Compare the two within one run.
func BenchmarkByHand(b *testing.B) {
	doc := decode(b, benchmarkDoc)
	matched := 0
	for b.Loop() {
		fields, ok := doc.(map[string]any)
		if ok && fields["status"] == "arrived" && fields["carrier"] == "MAEU" && fields["teu"] == 1250.5 {
			matched++
		}
	}
	if matched == 0 {
		b.Fatal("no match")
	}
}

func BenchmarkCompile(b *testing.B) {
	trees := map[string]string{
		"3 leaves": string(marshal(b, and(eq(path("a"), number(1)), eq(path("b"), number(2)), eq(path("c"), number(3))))),
		"largest":  largest(),
	}
	for name, tree := range trees {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if sink, err = fdsl.Compile([]byte(tree), limits); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFor(b *testing.B) {
	filter := compileTree(b, or(and(eq(meta, text("fleet")), path("a")), and(eq(meta, text("ports")), path("b"))))
	b.ReportAllocs()
	for b.Loop() {
		sink = filter.For("fleet")
	}
}

// largest returns a tree near all limits at once, in the shape that takes longest to simplify:
// nothing in it flattens, and each level sorts.
func largest() string {
	leaf := 0
	next := func() any {
		leaf++
		return path(fmt.Sprintf("a%d", leaf))
	}
	tree := next()
	for level := range 31 {
		operands := []any{tree}
		for range 15 {
			operands = append(operands, next())
		}
		tree = node([]string{"and", "or"}[level%2], operands)
	}
	out, err := json.Marshal(tree)
	if err != nil {
		panic(err)
	}
	return string(out)
}
