package catalog_test

import (
	"testing"

	"seagate/storage/memory"
)

func BenchmarkRedefine(b *testing.B) {
	r := open(b, memory.New())
	def := define(b, everyType)
	if _, err := r.Define(b.Context(), jail, "portCall", def); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Define(b.Context(), jail, "portCall", def); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCurrent(b *testing.B) {
	r := open(b, memory.New())
	if _, err := r.Define(b.Context(), jail, "portCall", define(b, everyType)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r.Current(jail, "portCall")
	}
}
