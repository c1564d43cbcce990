package jsonpath_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"seagate/internal/jsonpath"
)

// Everything that Read finds is what Resolve finds in the value that was decoded from the text.
func TestReadAgreesWithResolve(t *testing.T) {
	all := strings.Join(paths, "\n")
	checkRead(t, document, all)
	for _, path := range paths {
		checkRead(t, document, path)
	}
	// Elements that are meant from the front and from the back, at several levels.
	nested := `[[[1,{"a":[7]}]],[[2,{"a":[8,9]}]]]`
	checkRead(t, nested, "$[0][0]\n$[-2][-1][1].a\n$[0][-1][-1].a[0]\n$[-2][0][1].a[-1]\n$[1]\n$[-1][0][0]\n$[1][-1][1].a[-2]\n$[2]\n$[-3]")
	checkRead(t, `[{"a":1,"b":{"c":2}}]`, "$[0].a\n$[-1].b.c\n$[-1].b\n$[0].b.d\n$[0].x")
}

func FuzzRead(f *testing.F) {
	f.Add(document, strings.Join(paths, "\n"))
	f.Add(`[[1,2],[3]]`, "$[0][-1]\n$[-2][1]\n$[1]")
	f.Add(`{"a":1,"\u0061":2}`, "a")
	f.Add(`{"a":1e999}`, "b")
	f.Fuzz(checkRead)
}

func checkRead(t *testing.T, text, lines string) {
	t.Helper()
	set, asked := new(jsonpath.Set), []jsonpath.Path{}
	for line := range strings.Lines(lines) {
		if p, err := jsonpath.Parse(strings.TrimSuffix(line, "\n")); err == nil {
			set.Add(p)
			asked = append(asked, p)
		}
	}
	checkSet(t, set, text, asked)
	half := len(asked) / 2
	for _, p := range asked[half:] {
		set.Remove(p)
	}
	checkSet(t, set, text, asked[:half])
}

func checkSet(t *testing.T, set *jsonpath.Set, text string, asked []jsonpath.Path) {
	t.Helper()
	var decoded any
	var d jsonpath.Document
	err := json.Unmarshal([]byte(text), &decoded)
	if ok := set.Read([]byte(text), &d); ok != (err == nil) {
		t.Fatalf("%q is read: %t, and decoded with %v", text, ok, err)
	} else if !ok {
		return
	}
	for _, p := range asked {
		want, wantOK := p.Resolve(decoded)
		got, ok := p.Resolve(d.Value)
		if part, isPart := got.(*jsonpath.Part); isPart {
			checkPart(t, part, want)
			got = part.Whole()
		}
		if ok != wantOK || !reflect.DeepEqual(got, want) || p.Found(d.Value) != p.Found(decoded) {
			t.Fatalf("%s in %q: found %v, %t; want %v, %t", p.Append(nil), text, got, ok, want, wantOK)
		}
	}
}

func checkPart(t *testing.T, part *jsonpath.Part, want any) {
	t.Helper()
	list, isList := want.([]any)
	object, _ := want.(map[string]any)
	if part.IsArray() != isList || part.Len() != len(list)+len(object) || part.Values() != values(want) {
		t.Fatalf("%v is a part of %d members or elements, and %d values: %v", want, part.Len(), part.Values(), part)
	}
}

// values returns how many values are in a decoded value.
func values(decoded any) (n int) {
	switch v := decoded.(type) {
	case []any:
		for _, one := range v {
			n += 1 + values(one)
		}
	case map[string]any:
		for _, one := range v {
			n += 1 + values(one)
		}
	}
	return n
}

// A set of many paths, more than are compared one after the other, from which some are removed.
func TestReadWithManyPaths(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		set, asked := new(jsonpath.Set), []jsonpath.Path{}
		for range 60 {
			p := parse(t, fmt.Sprintf("$.m%d.l[%d]", random.IntN(20), random.IntN(40)-20))
			set.Add(p)
			asked = append(asked, p)
		}
		var members []string
		for i := range 25 {
			members = append(members, fmt.Sprintf(`"m%d":{"x":%[1]d,"l":[0%s]}`, i, strings.Repeat(`,{"y":[1]}`, random.IntN(25))))
		}
		text := "{" + strings.Join(members, ",") + "}"
		for len(asked) > 0 {
			checkSet(t, set, text, asked)
			for range 20 {
				i := random.IntN(len(asked))
				set.Remove(asked[i])
				asked = slices.Delete(asked, i, i+1)
			}
		}
		if !reflect.DeepEqual(set, new(jsonpath.Set)) {
			t.Fatal("something is left of the paths that were removed")
		}
	}
}

// However an element may be meant, the time is linear: 2^20 paths would lead through these levels.
func TestElementsMeantInTwoWaysTakeLinearTime(t *testing.T) {
	set := new(jsonpath.Set)
	var asked []jsonpath.Path
	for i := range 200 {
		path := "$"
		for level := range 20 {
			path += []string{"[0]", "[-1]"}[i>>(level%8)&1]
		}
		p := parse(t, path+fmt.Sprintf(".n%d", i))
		set.Add(p)
		asked = append(asked, p)
	}
	text := strings.Repeat("[", 20) + `{"n7":1,"n8":[2]}` + strings.Repeat("]", 20)
	checkSet(t, set, text, asked)
}

func TestReadAllocatesLittle(t *testing.T) {
	set := new(jsonpath.Set)
	p := parse(t, "$.n")
	set.Add(p)
	text := []byte(`{"s":[` + strings.Repeat(`{"a":1,"b":"x"},`, 1_000) + `0],"n":true}`)
	var d jsonpath.Document
	allocs := testing.AllocsPerRun(10, func() {
		d = jsonpath.Document{}
		if set.Read(text, &d); d.Value == nil {
			t.Error("it cannot be read")
		}
		if v, _ := p.Resolve(d.Value); v != true {
			t.Error("it is not true")
		}
	})
	if allocs > 20 {
		t.Errorf("reading one of 3,000 values takes %v allocations", allocs)
	}
}

func parse(t *testing.T, path string) jsonpath.Path {
	t.Helper()
	p, err := jsonpath.Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
