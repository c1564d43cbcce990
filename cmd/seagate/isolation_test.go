package main_test

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

const groupID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"

// TestJailsNeverSeeEachOther has two jails with streams, clients and groups of the same
// names.
func TestJailsNeverSeeEachOther(t *testing.T) {
	t.Parallel()
	g := sharedGateway(t)
	jails := []string{"isolation-a", "isolation-b"}
	members := map[string][]*peer{}
	all := map[string]*peer{}
	boss := map[string]credentials{}
	for _, jail := range jails {
		boss[jail] = g.newJail(jail, "boss")
		t.Cleanup(func() { g.call(root, "DELETE", "/jails/"+jail, "") })
		g.newClient(boss[jail], "worker")
		g.define(boss[jail], "boiler")
		all[jail] = g.login(boss[jail], jail)
		all[jail].subscribe(2, "boiler", "")
		for range 2 {
			m := g.login(boss[jail], jail)
			m.subscribe(2, "boiler", groupID)
			members[jail] = append(members[jail], m)
		}
	}
	const total = 40
	for n := range total {
		g.publish(boss[jails[n%2]], "boiler", fmt.Sprintf(`{"n":%d}`, n))
	}
	for i, jail := range jails {
		var want []string
		for n := i; n < total; n += 2 {
			want = append(want, delivery(2, "boiler", fmt.Sprintf(`{"n":%d}`, n)))
			all[jail].want(want[len(want)-1])
		}
		if got := sharedOut(members[jail], len(want)); !slices.Equal(got, sorted(want)) {
			t.Errorf("the group of %s received %v", jail, got)
		}
	}
	// No message comes before the answer.
	for _, jail := range jails {
		for _, p := range append(members[jail], all[jail]) {
			p.Send(`{"id":3,"action":"unsubscribe","payload":2}`)
			p.want(`{"id":3,"action":"unsubscribe","success":true}`)
		}
	}
}

// sharedOut returns the messages that two members of a group receive together.
func sharedOut(members []*peer, total int) (got []string) {
	for range total {
		select {
		case e := <-members[0].inbox:
			got = append(got, e.String())
		case e := <-members[1].inbox:
			got = append(got, e.String())
		case <-timeout():
			return got
		}
	}
	return sorted(got)
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

// TestJailsCannotManageEachOther: a jail can neither change another jail nor learn what
// it has.
func TestJailsCannotManageEachOther(t *testing.T) {
	t.Parallel()
	g := sharedGateway(t)
	a, b := g.newJail("manage-a", "boss"), g.newJail("manage-b", "boss")
	t.Cleanup(func() { g.call(root, "DELETE", "/jails/manage-b", "") })
	secretOfB := g.newClient(b, "worker")
	g.define(b, "boiler")
	g.ok(b, "PUT", "/streams/boiler/header", `{"payload":{"n":7}}`)
	inB := g.login(secretOfB, "manage-b")
	inB.subscribe(2, "boiler", "")
	inB.want(delivery(2, "boiler", `{"n":7}`))

	// For a, nothing of b exists.
	for _, call := range []struct{ code, method, path, body string }{
		{"stream_not_found", "GET", "/streams/boiler", ""},
		{"stream_not_found", "GET", "/streams/boiler/schema", ""},
		{"stream_not_found", "GET", "/streams/boiler/schemas", ""},
		{"stream_not_found", "GET", "/streams/boiler/schemas/1", ""},
		{"stream_not_found", "GET", "/streams/boiler/header", ""},
		{"stream_not_found", "PUT", "/streams/boiler/header", `{"payload":{"n":8}}`},
		{"stream_not_found", "POST", "/streams/boiler/publish", `{"payload":{"n":8}}`},
		{"stream_not_found", "POST", "/streams/boiler/pause", ""},
		{"stream_not_found", "DELETE", "/streams/boiler", ""},
		{"client_not_found", "PUT", "/client/worker", ""},
		{"client_not_found", "PUT", "/client/worker/jwt-public-key", `{"jwtPublicKey":null}`},
		{"client_not_found", "DELETE", "/client/worker", ""},
	} {
		g.refused(a, 404, call.code, call.method, call.path, call.body)
	}
	if got := g.ok(a, "POST", "/schema-versions-vector", `{"schemaNames":["boiler"]}`); got != `{"versionsVector":[null]}` {
		t.Errorf("a sees a version: %s", got)
	}
	if got := g.ok(a, "GET", "/streams", ""); got != `{"streams":[],"next":null}` {
		t.Errorf("a sees streams: %s", got)
	}

	// What a creates and deletes under the same names is its own.
	own := g.newClient(a, "worker")
	g.define(a, "boiler")
	inA := g.login(own, "manage-a")
	inA.subscribe(2, "boiler", "")
	g.publish(a, "boiler", `{"n":1}`)
	inA.want(delivery(2, "boiler", `{"n":1}`))
	g.ok(a, "PUT", "/client/worker", "")
	inA.wantClose(1008, "credentials_revoked")
	g.ok(a, "POST", "/streams/boiler/pause", "")
	g.ok(a, "DELETE", "/client/worker", "")
	g.ok(a, "DELETE", "/streams/boiler", "")
	if clients := g.ok(a, "GET", "/clients", ""); strings.Contains(clients, "worker") {
		t.Errorf("a sees %s", clients)
	}
	g.ok(root, "DELETE", "/jails/manage-a", "")

	g.publish(secretOfB, "boiler", `{"n":2}`)
	inB.want(delivery(2, "boiler", `{"n":2}`))
}

// TestARecreatedJailHasNothingOfTheOldOne, although it has the same id and
// clients.
func TestARecreatedJailHasNothingOfTheOldOne(t *testing.T) {
	t.Parallel()
	g := sharedGateway(t)
	old := g.newJail("anew", "boss")
	g.define(old, "boiler")
	g.ok(old, "PUT", "/streams/boiler/header", `{"payload":{"n":7}}`)
	g.ok(root, "DELETE", "/jails/anew", "")
	fresh := g.newJail("anew", "boss")
	t.Cleanup(func() { g.call(root, "DELETE", "/jails/anew", "") })
	g.refused(old, 401, "invalid_credentials", "GET", "/streams", "")
	if got := g.ok(fresh, "GET", "/streams", ""); got != `{"streams":[],"next":null}` {
		t.Errorf("it has %s", got)
	}
	g.define(fresh, "boiler")
	g.refused(fresh, 404, "header_not_found", "GET", "/streams/boiler/header", "")
}

// TestTooManyKeys: a token is checked with the keys of all clients with its id, so their
// number is bounded. The refusal says nothing about the other clients.
func TestTooManyKeys(t *testing.T) {
	t.Parallel()
	g := start(t)
	for i := range 256 {
		boss := g.newJail(fmt.Sprintf("jail%d", i), "boss")
		g.ok(boss, "PUT", "/client/boss/jwt-public-key", someKey(t))
	}
	boss := g.newJail("last", "boss")
	g.refused(boss, 409, "too_many_keys", "PUT", "/client/boss/jwt-public-key", someKey(t))
	g.newClient(boss, "other")
	g.ok(boss, "PUT", "/client/other/jwt-public-key", someKey(t))
}

// someKey returns a request with a public key whose private key does not exist.
func someKey(t *testing.T) string {
	modulus, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 2047))
	if err != nil {
		t.Fatal(err)
	}
	modulus.SetBit(modulus.SetBit(modulus, 2047, 1), 0, 1)
	return `{"jwtPublicKey":"` + strings.ReplaceAll(encodePEM(t, &rsa.PublicKey{N: modulus, E: 65537}), "\n", `\n`) + `"}`
}

// TestTokensIdentifyTheirJail if clients of several jails have one id and different keys.
func TestTokensIdentifyTheirJail(t *testing.T) {
	t.Parallel()
	g := sharedGateway(t)
	for _, jail := range []string{"token-a", "token-b"} {
		boss := g.newJail(jail, "token-boss")
		t.Cleanup(func() { g.call(root, "DELETE", "/jails/"+jail, "") })
		key := strings.ReplaceAll(publicPEM(t, jail), "\n", `\n`)
		g.ok(boss, "PUT", "/client/token-boss/jwt-public-key", `{"jwtPublicKey":"`+key+`"}`)
	}
	for _, jail := range []string{"token-a", "token-b"} {
		token := signToken(t, jail, "RS512", fmt.Sprintf(`{"exp":%d}`, time.Now().Add(time.Hour).Unix()))
		p := g.dial()
		p.Send(fmt.Sprintf(`{"id":1,"action":"authenticate","payload":{"type":"jwt","clientId":"token-boss","jwt":%q}}`, token))
		p.want(fmt.Sprintf(`{"id":1,"action":"authenticate","success":true,"payload":{"jailId":%q}}`, jail))
	}
}
