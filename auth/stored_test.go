package auth_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"seagate/auth/authtest"
	"seagate/internal/quota"
	"seagate/storage/memory"
)

// What is stored of a jail's clients counts for it until it is gone, and again after a restart.
func TestRecordsOfClientsCount(t *testing.T) {
	records, options := memory.New(), authtest.Options()
	options.Quotas = quota.New(quota.Limits{})
	d := authtest.Open(t, records, options)
	j, _, err := d.CreateJail(t.Context(), "acme", "", "a")
	if err != nil {
		t.Fatal(err)
	}
	jail := options.Quotas.Account(j.UID)
	empty := jail.Used(quota.Records)
	if _, _, err := d.CreateClient(t.Context(), j.UID, "b", "", nil); err != nil {
		t.Fatal(err)
	}
	small := jail.Used(quota.Records)
	if one := small - empty; one != int64(512+len(j.UID)+len("/b")) || jail.Used(quota.Disk) != small || jail.Used(quota.Memory) <= small {
		t.Errorf("a client uses %d bytes; the jail uses %d, %d of the disk, %d of memory", one, small,
			jail.Used(quota.Disk), jail.Used(quota.Memory))
	}
	for i := range 20 {
		if _, err := d.RevokeToken(t.Context(), j.UID, "b", fmt.Sprint("token-", i), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	large := jail.Used(quota.Records)
	if large < small+20*20 {
		t.Errorf("twenty revoked tokens use %d bytes", large-small)
	}

	again := options
	again.Quotas = quota.New(quota.Limits{})
	d = authtest.Open(t, records, again)
	jail = again.Quotas.Account(j.UID)
	if used := jail.Used(quota.Records); used != large || jail.Used(quota.Disk) != large {
		t.Errorf("after a restart %d bytes are used, %d of the disk, want %d", used, jail.Used(quota.Disk), large)
	}
	if _, err := d.DeleteClient(t.Context(), j.UID, "b"); err != nil {
		t.Fatal(err)
	}
	if used := jail.Used(quota.Records); used != empty {
		t.Errorf("after the deletion %d bytes are used, want %d", used, empty)
	}
	if _, err := d.DeleteJail(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	if jail.Used(quota.Records) != 0 || jail.Used(quota.Disk) != 0 || jail.Used(quota.Memory) != 0 {
		t.Errorf("a deleted jail uses %d bytes, %d of the disk, %d of memory",
			jail.Used(quota.Records), jail.Used(quota.Disk), jail.Used(quota.Memory))
	}
}

// A jail that may store no more can make no client and revoke no further token; rotating secrets,
// deleting, and the changes of other jails go on.
func TestClientsBeyondTheRecordsOfTheJail(t *testing.T) {
	options := authtest.Options()
	options.Quotas = quota.New(quota.Limits{quota.Records: 2300})
	d := authtest.Open(t, memory.New(), options)
	j, _, err := d.CreateJail(t.Context(), "acme", "", "a")
	if err != nil {
		t.Fatal(err)
	}
	exceeds := func(what string, err error) {
		t.Helper()
		if e, ok := errors.AsType[*quota.Exceeded](err); !ok || e.Resource != quota.Records {
			t.Errorf("%s: %v", what, err)
		}
	}
	create := func(id string) error {
		_, _, err := d.CreateClient(t.Context(), j.UID, id, "", nil)
		return err
	}
	if err := errors.Join(create("b"), create("c")); err != nil {
		t.Fatal(err)
	}
	exceeds("a further client", create("d"))
	used := options.Quotas.Account(j.UID).Used(quota.Records)
	for i := 0; err == nil; i++ {
		if i > 100 {
			t.Fatal("the record of a client grows without a bound")
		}
		_, err = d.RevokeToken(t.Context(), j.UID, "b", fmt.Sprint("token-", i), time.Now().Add(time.Hour))
	}
	exceeds("a further revoked token", err)
	if now := options.Quotas.Account(j.UID).Used(quota.Records); now < used || now > 2300 {
		t.Errorf("%d bytes are used", now)
	}
	if _, _, err := d.RotateSecret(t.Context(), j.UID, "b"); err != nil {
		t.Errorf("rotating a secret: %v", err)
	}
	if _, _, err := d.CreateJail(t.Context(), "other", "", "a"); err != nil {
		t.Errorf("another jail: %v", err)
	}
	if _, err := d.DeleteClient(t.Context(), j.UID, "b"); err != nil {
		t.Errorf("deleting: %v", err)
	}
	if err := create("d"); err != nil {
		t.Errorf("after the deletion: %v", err)
	}
}
