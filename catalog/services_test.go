package catalog_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"seagate/catalog"
	"seagate/schema"
	"seagate/storage/memory"
	"seagate/streams"
)

func service(t testing.TB, name, version, procedures string) (streams.ID, *schema.Definition) {
	t.Helper()
	def, err := schema.ParseService([]byte(`{"version":`+version+`,"procedures":[`+procedures+`]}`), name,
		schema.DefaultLimits(), func(string) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return streams.ID{Space: jail, Name: name}, def
}

func TestServices(t *testing.T) {
	records := memory.New()
	r := open(t, records)
	define := func(name, version, procedures string) (schema.Change, error) {
		t.Helper()
		id, def := service(t, name, version, procedures)
		planned, planErr := r.Services.Plan(id, def)
		got, err := r.Services.Define(t.Context(), id, def)
		if fmt.Sprint(planErr) != fmt.Sprint(err) || planned.Change != got.Change {
			t.Errorf("%s version %s: planned %+v, %v; got %+v, %v", name, version, planned, planErr, got, err)
		}
		return got.Change, err
	}
	const quote = `{"name":"quote","body":[{"name":"sku","type":"integer"}]}`
	var older *schema.OlderVersionError
	var conflict *schema.ConflictError
	if change, err := define("pricing", "1", quote); change != schema.Created || err != nil {
		t.Error(change, err)
	}
	if change, err := define("pricing", "1.0", quote); change != schema.Unchanged || err != nil {
		t.Error(change, err)
	}
	if _, err := define("pricing", "1", ""); !errors.As(err, &conflict) {
		t.Error(err)
	}
	if _, err := define("pricing", "0.1", quote); !errors.As(err, &older) {
		t.Error(err)
	}
	if change, err := define("pricing", "2", quote+`,{"name":"reload"}`); change != schema.Replaced || err != nil {
		t.Error(change, err)
	}
	if _, err := define("weather", "1", ""); err != nil {
		t.Error(err)
	}
	if _, err := define("third", "1", ""); !errors.Is(err, catalog.ErrTooManyServices) {
		t.Error(err)
	}

	again := open(t, records) // all of that is durable
	for _, s := range []*catalog.Services{r.Services, again.Services} {
		pricing := s.Lookup(streams.ID{Space: jail, Name: "pricing"})
		if current := pricing.Current(); current == nil || !current.Has("reload") || current.Definition.Version.String() != "2" ||
			pricing.Current() != current || len(pricing.History().Versions()) != 2 {
			t.Errorf("pricing is %+v", current)
		}
		if got := serviceNames(s, "", 10); got != "[pricing weather]" {
			t.Error(got)
		}
		if got := serviceNames(s, "pricing", 10) + serviceNames(s, "", 1); got != "[weather][pricing]" {
			t.Error(got)
		}
	}
	id, _ := service(t, "pricing", "1", "")
	if err := again.Services.Delete(t.Context(), id); err != nil {
		t.Error(err)
	}
	if err := again.Services.Delete(t.Context(), id); !errors.Is(err, catalog.ErrNotFound) {
		t.Error(err)
	}
	if again.Services.Lookup(id).Current() != nil || open(t, records).Services.Lookup(id) != nil {
		t.Error("a deleted service is there")
	}
}

func serviceNames(s *catalog.Services, after string, limit int) string {
	names := []string{}
	for _, one := range s.List(jail, after, limit) {
		names = append(names, one.Name())
	}
	return fmt.Sprint(names)
}

func TestDeleteJailDeletesServices(t *testing.T) {
	records := memory.New()
	r := open(t, records)
	id, def := service(t, "pricing", "1", "")
	if _, err := r.Services.Define(t.Context(), id, def); err != nil {
		t.Fatal(err)
	}
	if got := r.Jails(); !slices.Equal(got, []string{jail}) {
		t.Errorf("jails %v", got)
	}
	if err := r.DeleteJail(t.Context(), jail); err != nil {
		t.Fatal(err)
	}
	if r.Services.Lookup(id) != nil || len(r.Jails()) > 0 || len(open(t, records).Jails()) > 0 {
		t.Error("the service is still there")
	}
}

// The bound holds whoever defines at the same time.
func TestServicesConcurrently(t *testing.T) {
	r := open(t, memory.New())
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			id, def := service(t, fmt.Sprint("s", i%5), "1", "")
			_, err := r.Services.Define(t.Context(), id, def)
			if err != nil && !errors.Is(err, catalog.ErrTooManyServices) {
				t.Error(err)
			}
			if i%3 == 0 {
				if err := r.Services.Delete(t.Context(), id); err != nil && !errors.Is(err, catalog.ErrNotFound) {
					t.Error(err)
				}
			}
			if n := len(r.Services.List(jail, "", 10)); n > 2 {
				t.Errorf("%d services", n)
			}
		})
	}
	group.Wait()
}
