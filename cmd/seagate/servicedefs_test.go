package main_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/client"
	"seagate/protocol"
)

const (
	pricingOne = `{"name":"pricing","version":1,"procedures":[{"name":"quote","body":[{"name":"sku","type":"integer"}],"result":[{"name":"price","type":"float"}]},{"name":"reload"}]}`
	pricingTwo = `{"name":"pricing","version":2,"procedures":[{"name":"quote","body":[{"name":"sku","type":"string"}]}]}`
)

// TestDefinitionsOfServicesOutliveKill9, all versions of them, and so does a deletion. It
// uses each method of the Go client for them.
func TestDefinitionsOfServicesOutliveKill9(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	g := startIn(t, folder)
	c := g.goClient(root)
	plan, err := c.PlanDefineService(t.Context(), "pricing", jsontext.Value(pricingOne))
	if err != nil || plan.Change != "created" || string(plan.Definition) != pricingOne {
		t.Errorf("the plan is %+v, %v", plan, err)
	}
	if _, err := c.Service(t.Context(), "pricing"); client.CodeOf(err) != protocol.CodeNoSuchService {
		t.Errorf("planning has defined it: %v", err)
	}
	for _, definition := range []string{pricingOne, pricingTwo} {
		if inForce, err := c.DefineService(t.Context(), "pricing", jsontext.Value(definition)); err != nil || string(inForce) != definition {
			t.Errorf("in force is %s, %v", inForce, err)
		}
		if _, err := c.DefineService(t.Context(), "billing", jsontext.Value(strings.ReplaceAll(definition, "pricing", "billing"))); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.DefineService(t.Context(), "pricing", jsontext.Value(pricingOne)); client.CodeOf(err) != protocol.CodeVersionTooOld {
		t.Errorf("an old version: %v", err)
	}
	if err := c.DeleteServiceDefinition(t.Context(), "billing"); err != nil {
		t.Error(err)
	}

	g = again(t, g, folder)
	c = g.goClient(root)
	var listed []string
	for s, err := range c.Services(t.Context()) {
		listed = append(listed, s.Name+" "+string(s.Version))
		if err != nil {
			t.Error(err)
		}
	}
	if strings.Join(listed, ", ") != "pricing 2" {
		t.Errorf("listed are %s", listed)
	}
	info, err := c.Service(t.Context(), "pricing")
	if err != nil || string(info.Definition) != pricingTwo || len(info.Versions) != 2 || string(info.Versions[0]) != "1" || string(info.Version) != "2" {
		t.Errorf("there is %+v, %v", info, err)
	}
	if one, err := c.ServiceVersion(t.Context(), "pricing", "1.0"); err != nil || string(one) != pricingOne {
		t.Errorf("version 1 is %s, %v", one, err)
	}
	for _, version := range []string{"3", "..", "current"} {
		if _, err := c.ServiceVersion(t.Context(), "pricing", version); client.CodeOf(err) != protocol.CodeVersionNotFound {
			t.Errorf("version %s: %v", version, err)
		}
	}
	serveOn(t, g.goConn(root), "pricing", 1, map[string]client.Handler{
		"quote": func(context.Context, *client.Call) (any, error) { return "any", nil },
	})
	if _, err := c.Fetch(t.Context(), "pricing", "quote", jsontext.Value(`{"sku":7}`)); client.CodeOf(err) != protocol.CodeInvalidPayload {
		t.Errorf("a call that does not match: %v", err)
	}
	if got, err := c.Fetch(t.Context(), "pricing", "quote", jsontext.Value(`{"sku":"a"}`)); err != nil || string(got) != `"any"` {
		t.Errorf("a call that matches: %s, %v", got, err)
	}
	if err := c.DeleteServiceDefinition(t.Context(), "billing"); client.CodeOf(err) != protocol.CodeNoSuchService {
		t.Errorf("the deletion did not outlive the kill: %v", err)
	}
	g.stopped()
}

// TestDefiningAServiceWithACommand from a file and standard input, and what its users see.
func TestDefiningAServiceWithACommand(t *testing.T) {
	t.Parallel()
	g := start(t)
	as := []string{"SEAGATE_URL=http://" + g.listen, "SEAGATE_CLIENT_ID=" + root.id, "SEAGATE_CLIENT_SECRET=" + root.secret}
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	asked := "gateway: http://" + g.listen + " (SEAGATE_URL) as root (SEAGATE_CLIENT_ID)\n"
	one, two := file("one", pricingOne), file("two", pricingTwo)
	for _, try := range []struct {
		args []string
		out  string
		said string
		code int
	}{
		{[]string{"service", "define", "pricing", one, "--dry-run"}, "created\n", "", 0},
		{[]string{"service", "show", "pricing"}, "", "hint: `seagate services` lists what there is", 1},
		{[]string{"service", "define", "pricing", one}, "", "pricing is created, version 1\n", 0},
		{[]string{"service", "define", "pricing", one}, "", "pricing is unchanged, version 1\n", 0},
		{[]string{"service", "define", "pricing", file("conflict", strings.Replace(pricingOne, "float", "integer", 1))}, "",
			"quote.result.price: type was float, now integer\n" + asked + "hint: `seagate service show pricing` shows the definition in force\n", 1},
		{[]string{"service", "define", "pricing", two, "--dry-run"}, "replaced\n  quote.body.sku: type was integer, now string\n  quote.result: removed, was object\n  reload: removed, was object\n", "", 0},
		{[]string{"service", "define", "pricing", two, "--json"}, pricingTwo + "\n", "", 0},
		{[]string{"service", "define", "pricing", "none"}, "", "no such file", 2},
		{[]string{"service", "define", "pricing"}, "", "FILE is missing; the usage is: seagate service define SERVICE FILE | -", 2},
		{[]string{"services"}, "pricing\t2\t\t0\t0\t0\t0\n", "", 0},
		{[]string{"service", "show", "pricing"}, "quote\tbody\tsku\tstring\t\nquote\tresult\t-\tany\t\n",
			"nobody serves pricing\npricing, version 2\nversions: 1, 2\n", 0},
		{[]string{"service", "show", "pricing", "--version", "1"},
			"quote\tbody\tsku\tinteger\t\nquote\tresult\tprice\tfloat\t\nreload\tbody\t-\tany\t\nreload\tresult\t-\tany\t\n", "pricing, version 1\n", 0},
		{[]string{"service", "show", "pricing", "--version", "1", "--json"}, pricingOne + "\n", "", 0},
		{[]string{"service", "show", "pricing", "--json"}, `{"name":"pricing","procedures":[],"servers":[],"version":2,"versions":[1,2],"definition":` + pricingTwo + "}\n", "", 0},
		{[]string{"service", "show", "pricing", "--version", "7"}, "", "hint: `seagate service show pricing` lists the versions\n", 1},
		{[]string{"fetch", "pricing", "quote", `{"sku":1}`}, "", "  sku: expected a string, got the number 1\n" + asked + "hint: `seagate service show pricing` shows the definition in force\n", 1},
		{[]string{"fetch", "pricing", "reload"}, "", "version 2 of the service \"pricing\" does not define the procedure \"reload\"", 1},
		{[]string{"service", "delete", "pricing"}, "", "give --yes to confirm", 2},
		{[]string{"service", "delete", "pricing", "--yes"}, "", "pricing is not defined any more, and its calls are not checked\n", 0},
		{[]string{"service", "delete", "pricing", "--yes"}, "", "no_such_service", 1},
	} {
		r := command(t, as, try.args...)
		if r.code != try.code || r.out != try.out || !strings.Contains(r.notes, try.said) {
			t.Errorf("%q: exit status %d\n%s%s\nwant %d\n%s%s", try.args, r.code, r.out, r.notes, try.code, try.out, try.said)
		}
	}
}
