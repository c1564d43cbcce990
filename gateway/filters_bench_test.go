package gateway

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// tenFields is a message of 256 bytes.
const tenFields = `{"id":"7f3c9a10-2b","carrier":"MAEU","status":"arrived","teu":1250.5,"imo":9321483,` +
	`"eta":"2026-01-01T00:00:00Z","origin":{"port":"CNSHA"},"destination":{"port":"NLRTM","berth":{"number":4}},` +
	`"tags":["reefer","priority","inspected"],"remark":"side door, ramp 2"}`

// manyValues is a message of 400,000 values, of which small filters ask for one.
func manyValues() string { return `{"n":1,"s":[` + strings.Repeat("0,", 400_000-4) + `0]}` }

// What a batch of one message costs with a few filters.
func benchmarkFilters(b *testing.B, message string, trees ...string) {
	table := &filterTable{steps: math.MaxInt}
	var filters []*sharedFilter
	for _, tree := range trees {
		f, _ := take(table, bearer(b, tree))
		filters = append(filters, f)
	}
	b.ReportAllocs()
	for b.Loop() {
		batch := batchOf(message)
		for _, f := range filters {
			visible(batch, f)
		}
	}
}

func text(s string) string { return `{"t":"string","e":"` + s + `"}` }

func BenchmarkFilterIndexed(b *testing.B) {
	benchmarkFilters(b, tenFields, eqTree("$.status", text("arrived")))
}

func BenchmarkFilterEvaluated(b *testing.B) {
	benchmarkFilters(b, tenFields, `{"t":"not","e":`+eqTree("$.destination.port", text("DEHAM"))+`}`)
}

func BenchmarkFilterOfThree(b *testing.B) {
	benchmarkFilters(b, tenFields, `{"t":"and","e":[`+eqTree("$.status", text("arrived"))+","+
		eqTree("$.carrier", text("MAEU"))+","+eqTree("$.destination.berth.number", `{"t":"number","e":4}`)+`]}`)
}

func BenchmarkFilterTen(b *testing.B) {
	var trees []string
	for i := range 10 {
		trees = append(trees, fmt.Sprintf(`{"t":"or","e":[%s,%s]}`, eqTree("$.id", text(fmt.Sprint(i))), eqTree("$.tags[0]", text("reefer"))))
	}
	benchmarkFilters(b, tenFields, trees...)
}

func BenchmarkFilterManyValues(b *testing.B) {
	benchmarkFilters(b, manyValues(), `{"t":"not","e":`+eqTree("$.n", `{"t":"number","e":2}`)+`}`)
}
