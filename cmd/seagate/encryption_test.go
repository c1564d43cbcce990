package main_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
)

// identity writes a new identity of age into a file, and returns its name and the recipient.
func identity(t *testing.T, name string) (file, recipient string) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, t.TempDir(), name, "# created: today\n"+id.String()+"\n"), id.Recipient().String()
}

// A backup that is encrypted can be read by each of its recipients, with the command and with age, and
// by nobody else. What is cut off or changed is noticed.
func TestEncryptedBackup(t *testing.T) {
	t.Parallel()
	g := start(t)
	g.define(root, "measures")
	g.measure(1, 5)
	one, first := identity(t, "one.txt")
	two, second := identity(t, "two.txt")
	stranger, _ := identity(t, "stranger.txt")
	folder := t.TempDir()
	file := filepath.Join(folder, "seagate.tar.age")
	listed := writeFile(t, folder, "recipients.txt", "# operators\n"+second+"\n")
	r := ok(t, g.asRoot(), "backup", file, "--recipient", first, "--recipients-file", listed)
	if !strings.Contains(r.notes, "encrypted") {
		t.Errorf("it says %s", r.notes)
	}
	text, err := os.ReadFile(file)
	if err != nil || !bytes.HasPrefix(text, []byte("age-encryption.org/v1\n")) || bytes.Contains(text, []byte("seagate-backup.json")) {
		t.Fatalf("%v; the backup begins with %.40q", err, text)
	}
	if left, _ := filepath.Glob(filepath.Join(folder, "*")); len(left) != 3 { // with the digest and the recipients
		t.Errorf("beside it are %q", left)
	}

	for name, args := range map[string][]string{"one": {"--identity-file", one}, "two": {"-i", two}} {
		data := filepath.Join(t.TempDir(), "data")
		r := ok(t, nil, append([]string{"restore", file, "--data", data}, args...)...)
		if !strings.Contains(r.notes, "is restored to its state at 20") {
			t.Errorf("%s: %s", name, r.notes)
		}
	}
	cut := writeFile(t, t.TempDir(), "cut.age", string(text[:len(text)-1]))
	changed := bytes.Clone(text)
	changed[len(changed)/2] ^= 1
	for _, c := range []struct {
		file, identity, want string
		code                 int
	}{
		{file, "", "the backup is encrypted with age", 2},
		{file, stranger, "opens the backup: it is encrypted for others", 1},
		{file, listed, "is no file of identities", 2},
		{cut, one, "", 1},
		{writeFile(t, t.TempDir(), "changed.age", string(changed)), one, "", 1},
	} {
		empty := t.TempDir()
		settings := []string{}
		if c.identity != "" {
			settings = append(settings, "SEAGATE_BACKUP_IDENTITY="+c.identity)
		}
		r := command(t, settings, "restore", c.file, "--data", empty)
		if left, _ := os.ReadDir(empty); r.code != c.code || !strings.Contains(r.notes, c.want) || len(left) > 0 {
			t.Errorf("%+v: exit status %d, left %v: %s", c, r.code, left, r.notes)
		}
	}
}

// A secret key that is given as a recipient by mistake is not shown, and nothing is written.
func TestInvalidRecipientsAreRefused(t *testing.T) {
	t.Parallel()
	g := sharedGateway(t)
	file, recipient := identity(t, "key.txt")
	secret, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	key := strings.TrimSpace(strings.Split(string(secret), "\n")[1])
	for name, args := range map[string][]string{
		"a secret key":           {"--recipient", key},
		"a file of secret keys":  {"--recipients-file", file},
		"no file":                {"--recipient", recipient, "--recipients-file", "/nowhere"},
		"a recipient cut short":  {"--recipient", recipient[:20]},
		"something else":         {"-r", "alice@example.com"},
		"a file with none in it": {"-R", writeFile(t, t.TempDir(), "empty", "# nobody\n")},
	} {
		to := filepath.Join(t.TempDir(), "backup")
		r := command(t, g.asRoot(), append([]string{"backup", to}, args...)...)
		if _, err := os.Stat(to); r.code != 2 || err == nil || strings.Contains(r.notes, key[20:]) {
			t.Errorf("%s: exit status %d, %v: %s", name, r.code, err, r.notes)
		}
	}
}

// The audit stream of a restored gateway says what was restored, and the one that sets quotas what they
// were before.
func TestRestoresAndQuotasAreAudited(t *testing.T) {
	t.Parallel()
	g := start(t)
	g.newJail("acme", "boss")
	g.ok(root, "PUT", "/jails/acme/quotas", `{"streams":5}`)
	g.ok(root, "PUT", "/jails/acme/quotas", `{"streams":7}`)
	file := filepath.Join(t.TempDir(), "seagate.tar")
	ok(t, g.asRoot(), "backup", file)
	data := filepath.Join(t.TempDir(), "data")
	ok(t, nil, "restore", file, "--data", data)
	again := startIn(t, data)
	var got []string
	for _, e := range again.audited() {
		if e.Action == "quotas set" || e.Action == "backup restored" {
			got = append(got, tell(e))
		}
	}
	if len(got) != 3 || !strings.HasSuffix(got[0], `before {} after {"streams":5}`) || !strings.HasSuffix(got[1], `before {"streams":5} after {"streams":7}`) ||
		!strings.HasPrefix(got[2], `/ command: backup restored seagate.tar ok after {"createdAt":"20`) {
		t.Errorf("the audit stream has %q", got)
	}
	if left, _ := filepath.Glob(filepath.Join(data, "audit-later.json")); left != nil {
		t.Errorf("left is %q", left)
	}
}

// The commands present a client certificate where the gateway asks for one.
func TestCommandsWithAClientCertificate(t *testing.T) {
	t.Parallel()
	certificate, key := writeCertificate(t)
	mine, mineKey := writeCertificate(t)
	g := start(t, "SEAGATE_TLS_CERT_FILE="+certificate, "SEAGATE_TLS_KEY_FILE="+key, "SEAGATE_TLS_CLIENT_CA="+mine)
	home := t.TempDir()
	as := []string{
		"SEAGATE_URL=https://" + g.listen, "SEAGATE_CLIENT_ID=" + root.id, "SEAGATE_CLIENT_SECRET=" + root.secret, "SSL_CERT_FILE=" + certificate,
	}
	if r := command(t, as, "streams"); r.code != 3 { // the alert that says why may be lost with the connection
		t.Errorf("without a certificate: exit status %d, %s", r.code, r.notes)
	}
	with := []string{"--client-cert", mine, "--client-key", mineKey}
	ok(t, as, append([]string{"define", "boiler", writeFile(t, home, "boiler.json", `{"version":1,"fields":[]}`)}, with...)...)
	ok(t, append(as, "SEAGATE_CLIENT_CERT="+mine, "SEAGATE_CLIENT_KEY="+mineKey), "streams")
	ok(t, as, append([]string{"publish", "boiler", "{}"}, with...)...)
	if r := ok(t, as, append([]string{"subscribe", "boiler", "--count", "1", "--from", "earliest"}, with...)...); r.out != "{}\n" {
		t.Errorf("over a WebSocket: %+v", r)
	}
	ok(t, as, append([]string{"bench", "--messages", "10", "--publishers", "1", "--subscribers", "1"}, with...)...)

	// A context keeps the names of the files.
	secret := writeFile(t, home, "secret", root.secret)
	context := []string{"XDG_CONFIG_HOME=" + home, "SSL_CERT_FILE=" + certificate}
	ok(t, context, append([]string{"context", "add", "plant", "--server", "https://" + g.listen, "--client", root.id, "--secret-file", secret}, with...)...)
	ok(t, context, "streams")
	for name, args := range map[string][]string{
		"a key alone":      {"streams", "--client-key", mineKey},
		"no certificate":   {"streams", "--client-cert", mineKey},
		"the key of other": {"streams", "--client-cert", mine, "--client-key", key},
	} {
		if r := command(t, as, args...); r.code != 2 {
			t.Errorf("%s: exit status %d, %s", name, r.code, r.notes)
		}
	}
}
