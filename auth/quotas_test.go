package auth_test

import (
	"reflect"
	"testing"

	"seagate/auth"
	"seagate/auth/authtest"
	"seagate/internal/quota"
	"seagate/storage/memory"
)

func TestQuotasOfAJailOutliveTheProcess(t *testing.T) {
	records := memory.New()
	d := authtest.Open(t, records, authtest.Options())
	_, secret := newJail(t, d, "a", "c")
	own := quota.Own{quota.Disk: 1 << 30, quota.Clients: 2}
	if j, err := d.SetQuotas(t.Context(), "a", own); err != nil || !reflect.DeepEqual(j.Quotas, own) || j.Clients != 1 {
		t.Fatalf("%+v, %v", j, err)
	}
	mustBasic(t, d, "c", secret) // nothing is revoked
	again := authtest.Open(t, records, authtest.Options())
	j, err := again.Jail("a")
	if err != nil || !reflect.DeepEqual(j.Quotas, own) {
		t.Fatalf("after a restart: %+v, %v", j, err)
	}
	if _, _, err := again.CreateClient(t.Context(), j.UID, "c2", "", nil); err != nil {
		t.Fatal(err)
	}
	_, _, err = again.CreateClient(t.Context(), j.UID, "c3", "", nil)
	wantErr(t, err, auth.ErrTooManyClients)
	if j, err = again.SetQuotas(t.Context(), "a", nil); err != nil || len(j.Quotas) != 0 {
		t.Fatalf("%+v, %v", j, err)
	}
	if _, _, err := again.CreateClient(t.Context(), j.UID, "c3", "", nil); err != nil {
		t.Errorf("by the default: %v", err)
	}
	_, err = again.SetQuotas(t.Context(), "b", nil)
	wantErr(t, err, auth.ErrJailNotFound)
}
