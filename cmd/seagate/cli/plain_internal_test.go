package cli

import "testing"

func TestSecretsLeaveThisMachineEncrypted(t *testing.T) {
	t.Setenv(envSecret, "a secret for tests")
	t.Setenv("SEAGATE_DATA_DIR", t.TempDir())
	for _, c := range []struct {
		url   string
		plain bool
		env   string
		ok    bool
	}{
		{"http://127.0.0.1:3104", false, "", true},
		{"http://localhost:3104", false, "", true},
		{"https://gateway.example", false, "", true},
		{"http://gateway.example", false, "", false},
		{"ws://10.0.0.7:3104", false, "", false},
		{"http://gateway.example", true, "", true},
		{"http://gateway.example", false, "true", true},
	} {
		t.Setenv(envPlain, c.env)
		if _, err := (Connection{server: c.url, clientID: "root", plain: c.plain}).target(); (err == nil) != c.ok {
			t.Errorf("%s, %t, %q: %v", c.url, c.plain, c.env, err)
		}
	}
}
