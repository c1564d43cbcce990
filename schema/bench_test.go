package schema_test

import (
	"testing"

	"seagate/schema"
)

const benchDefinition = `{"version":"1.0.0","fields":[{"name":"vessel","type":"string"},{"name":"voyage","type":"string"},` +
	`{"name":"status","type":"enum","enum":["planned","due","berthed","gone"]},{"name":"draught","type":"float"},{"name":"imo","type":"integer"},` +
	`{"name":"eta","type":"date"},{"name":"berth","type":"object","fields":[{"name":"terminal","type":"string"},{"name":"number","type":"integer"}]},` +
	`{"name":"position","type":"object","fields":[{"name":"lat","type":"float"},{"name":"lon","type":"float"}]},` +
	`{"name":"tags","type":"array<string>"},{"name":"tides","type":"array<date>"}]}`

const benchPayload = `{"vessel":"EVER GIVEN","voyage":"0451-063W","status":"due","draught":15.7,"imo":9811000,"eta":"2026-11-20T10:00:00Z",` +
	`"berth":{"terminal":"Maasvlakte II","number":14},"position":{"lat":51.9496,"lon":4.1453},` +
	`"tags":["container","reefer","dangerous goods","priority"],` +
	`"tides":["2026-11-20T04:12:00Z","2026-11-20T16:40:00Z","2026-11-21T05:02:00Z","2026-11-21T17:31:00Z"]}`

func BenchmarkDecode(b *testing.B) {
	payload := []byte(benchPayload)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := schema.Decode(payload, depth); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	v := compile(b, benchDefinition, schema.Rules{})
	doc := decode(b, benchPayload)
	b.ReportAllocs()
	for b.Loop() {
		if err := v.Validate(doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeAndValidate(b *testing.B) {
	v := compile(b, benchDefinition, schema.Rules{})
	payload := []byte(benchPayload)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		doc, err := schema.Decode(payload, depth)
		if err != nil {
			b.Fatal(err)
		}
		if err := v.Validate(doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	s := schema.NewSchema(define(b, benchDefinition), schema.Rules{})
	payload := []byte(benchPayload)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Check(payload, depth); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRefuse(b *testing.B) {
	v := compile(b, benchDefinition, schema.Rules{})
	doc := decode(b, `{"vessel":1,"imo":1.5,"position":{"lat":"x"},"colour":"red"}`)
	b.ReportAllocs()
	for b.Loop() {
		if v.Validate(doc) == nil {
			b.Fatal("accepted")
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	def := define(b, benchDefinition)
	b.ReportAllocs()
	for b.Loop() {
		if err := schema.NewSchema(def, schema.Rules{}).Compile(); err != nil {
			b.Fatal(err)
		}
	}
}
