package main_test

import (
	"crypto/rand"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// smallDisk mounts a file system of its own, where tests may.
func smallDisk(t *testing.T, size string) (folder string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a small disk")
	}
	folder = t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return folder
}

func free(t *testing.T, folder string) int64 {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}

// fill takes all that is free of a disk, as another program may.
func fill(t *testing.T, folder string) {
	t.Helper()
	f, err := os.Create(filepath.Join(folder, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 64<<10)
	for err == nil {
		_, err = f.Write(block)
	}
	for err = nil; err == nil; { // the rest
		_, err = f.Write(block[:512])
	}
}

// A tenant fills a small disk, and then something else takes the last byte. The gateway goes on,
// starts again after it was killed, says which tenant it is, and lets the operator delete it.
func TestGatewayWithAFullDiskStartsAndDeletesTheTenant(t *testing.T) {
	t.Parallel()
	folder := smallDisk(t, "150m")
	settings := []string{"SEAGATE_RETENTION_MIN_FREE=32MiB", "SEAGATE_QUOTAS_DISK=0", "SEAGATE_LOG_LEVEL=info"}
	g := startIn(t, folder, settings...)
	hog, small := g.newJail("hog", "boss"), g.newJail("small", "boss")
	const definition = `{"version":1,"fields":[{"name":"text","type":"string"}]}`
	for _, who := range []credentials{hog, small} {
		g.ok(who, "POST", "/streams/a/define", definition)
	}
	g.ok(hog, "PUT", "/streams/a/settings", `{"retention":{"age":0,"bytes":0}}`)
	random := make([]byte, 600_000) // so that tables cannot be compressed
	rand.Read(random)
	body := `{"payload":{"text":"` + base64.StdEncoding.EncodeToString(random) + `"}}`
	smallBody := `{"payload":{"text":"x"}}`
	refused := 0
	for i := 0; refused < 20; i++ {
		if i > 2000 {
			t.Fatal("the disk does not become full")
		}
		switch got := g.call(hog, "POST", "/streams/a/publish", body); got.status {
		case 200:
		case 507:
			refused++
		default:
			t.Fatalf("message %d: %d %s", i, got.status, got.body)
		}
		if i%20 == 0 { // while the other jail has more than its share
			g.ok(small, "POST", "/streams/a/publish", smallBody)
		}
	}
	g.ok(small, "POST", "/streams/a/publish", smallBody)
	if line := g.awaitLog("more than their share"); !strings.Contains(line, `"largest":"hog"`) {
		t.Errorf("the log does not name the tenant: %s", line)
	}
	if left := free(t, folder); left < 16<<20 {
		t.Errorf("the tenant left %d bytes", left)
	}

	// The gateway survives the last byte, and deletions go on; also at the start.
	fill(t, folder)
	for range 3 {
		if got := g.call(small, "POST", "/streams/a/publish", smallBody); got.status != 200 && got.status != 507 {
			t.Errorf("on a full disk: %d %s", got.status, got.body)
		}
	}
	g.kill()
	g = startIn(t, folder, settings...)
	if list := g.ok(root, "GET", "/jails?quotas=true", ""); !strings.Contains(list, `"hog"`) {
		t.Error(list)
	}
	g.ok(root, "PUT", "/jails/hog/quotas", `{"disk":1048576}`)
	g.ok(root, "DELETE", "/jails/hog", "")
	deadline := time.After(patience)
	for again := time.Tick(100 * time.Millisecond); ; <-again {
		got := g.call(small, "POST", "/streams/a/publish", smallBody)
		if got.status == 200 {
			break
		}
		select {
		case <-deadline:
			t.Fatalf("%d bytes are free after the deletion, and the other jail is answered: %d %s", free(t, folder), got.status, got.body)
		default:
		}
	}
	if got := g.ok(small, "GET", "/streams/a/messages?from=earliest&limit=1", ""); !strings.Contains(got, "x") {
		t.Errorf("the messages of the other jail: %s", got)
	}
	g.stopped()
}
