package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// contextFolder makes an empty folder for contexts, without any other credentials.
func contextFolder(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"URL", "CLIENT_ID", "CLIENT_SECRET", "CONTEXT"} {
		t.Setenv("SEAGATE_"+name, "")
	}
	folder := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", folder)
	t.Setenv("SEAGATE_DATA_DIR", t.TempDir())
	return folder
}

// addContext adds a context with a secret from standard input.
func addContext(t *testing.T, name, url, client, secret string, more ...string) result {
	t.Helper()
	args := append([]string{"context", "add", name, "--server", url, "--client", client, "--secret-file", "-"}, more...)
	r := runWith(t.Context(), strings.NewReader(secret+"\n"), args...)
	if r.code != 0 {
		t.Fatalf("%+v", r)
	}
	return r
}

// TestContexts adds contexts, chooses one and removes it.
func TestContexts(t *testing.T) {
	folder := contextFolder(t)
	url := whoami(t)
	addContext(t, "plant", url, "sensors", "plant-secret").
		want(t, "", "context plant is added; the commands use it from now on\n", 0)
	addContext(t, "lab", url, "lab", "lab-secret").
		want(t, "", "context lab is added; `seagate context use lab` makes the commands use it\n", 0)
	path := filepath.Join(folder, "seagate", "contexts.json")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("its folder is %v, %v", info, err)
	}
	run(t, "context", "list").want(t, "lab\t-\t"+url+"\tlab\nplant\tyes\t"+url+"\tsensors\n", "", 0)
	streams := func(want string, args ...string) {
		t.Helper()
		if r := run(t, append([]string{"streams"}, args...)...); !strings.HasPrefix(r.out, want+"\t") {
			t.Errorf("%q: %+v, want %s", args, r, want)
		}
	}
	streams("sensors:plant-secret")
	streams("lab:lab-secret", "--context", "lab")
	t.Setenv("SEAGATE_CONTEXT", "lab")
	streams("lab:lab-secret")
	t.Setenv("SEAGATE_CONTEXT", "")
	run(t, "context", "use", "lab").want(t, "", "the commands use context lab: "+url+" as lab\n", 0)
	streams("lab:lab-secret")
	run(t, "context", "show").want(t, "url\t"+url+"\tcontext lab\nclient\tlab\tcontext lab\nsecret\tnot shown\tcontext lab\n", "", 0)
	run(t, "context", "remove", "lab", "--yes").want(t, "", "context lab is removed\n", 0)
	if r := run(t, "streams"); r.code != 3 {
		t.Errorf("with the context in use removed: %+v", r)
	}
	run(t, "context", "use", "plnt").want(t, "", "error: there is no context \"plnt\"; did you mean \"plant\"?\n", 2)
	for _, name := range []string{"dev", "a b", "", strings.Repeat("x", 65)} {
		if r := run(t, "context", "add", name, "--server", url, "--client", "c", "--secret-file", "-"); r.code != 2 {
			t.Errorf("a context %q: %+v", name, r)
		}
	}
	all, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(all), "lab-secret") || !strings.Contains(string(all), "plant-secret") {
		t.Errorf("the file has %s, %v", all, err)
	}
}

// TestContextsOfOthersAreRefused: the file has secrets.
func TestContextsOfOthersAreRefused(t *testing.T) {
	folder := contextFolder(t)
	addContext(t, "plant", whoami(t), "sensors", "plant-secret")
	path := filepath.Join(folder, "seagate", "contexts.json")
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o601} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		for _, args := range []string{"streams", "context list", "context use plant"} {
			r := run(t, strings.Fields(args)...)
			if r.code != 1 || !strings.Contains(r.notes, "use chmod 600 "+path) || r.out != "" {
				t.Errorf("%s with mode %#o: %+v", args, mode, r)
			}
		}
	}
	os.Chmod(path, 0o600)
	os.WriteFile(path, []byte(`{"contexts":{"plant":{"clientSecret":"plant-secret"`), 0o600)
	if r := run(t, "streams"); r.code != 1 || !strings.Contains(r.notes, "is damaged") || strings.Contains(r.notes, "plant-secret") {
		t.Errorf("a damaged file: %+v", r)
	}
}

// TestWhatNamesTheGateway: how flags, variables, contexts and what "seagate dev" has left
// rank, and that no secret goes to another gateway or for another client.
func TestWhatNamesTheGateway(t *testing.T) {
	contextFolder(t)
	url := whoami(t)
	leaveCredentials(t, `{"url":"`+url+`","clientId":"root","clientSecret":"dev-secret"}`)
	addContext(t, "plant", url, "sensors", "plant-secret")
	file := write(t, "secret", "file-secret")
	for _, test := range []struct {
		name, env, args, want string
		code                  int
	}{
		{"the context before dev", "", "", "sensors:plant-secret", 0},
		{"dev by its name", "", "--context dev", "root:dev-secret", 0},
		{"dev by a variable", "CONTEXT=dev", "", "root:dev-secret", 0},
		{"variables before the context", "CLIENT_ID=env CLIENT_SECRET=env-secret", "", "env:env-secret", 0},
		{"a context that is asked for before variables", "URL=http://127.0.0.1:1 CLIENT_ID=env CLIENT_SECRET=env-secret", "--context plant", "sensors:plant-secret", 0},
		{"flags before a context that is asked for", "", "--context plant --client flag --secret-file " + file, "flag:file-secret", 0},
		{"the client of the context", "CLIENT_ID=sensors", "", "sensors:plant-secret", 0},
		{"an id alone", "CLIENT_ID=other", "", "SEAGATE_CLIENT_ID alone is not enough; connecting needs a client secret: set SEAGATE_CLIENT_SECRET or --secret-file", 3},
		{"an id alone says whose the secret is", "CLIENT_ID=other", "", "context plant has the secret of sensors", 3},
		{"an id alone is not for dev", "CLIENT_ID=root", "", "context plant has the secret of sensors", 3},
		{"a secret alone", "CLIENT_SECRET=env-secret", "", "SEAGATE_CLIENT_SECRET alone is not enough; connecting needs a client id", 3},
		{"another gateway", "", "--server http://127.0.0.1:1", "the secret of context plant is for " + url + " alone", 3},
		{"a context that is not there", "CONTEXT=nosuch", "", "there is no context \"nosuch\"; `seagate context list` lists what there is (SEAGATE_CONTEXT is set)", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, pair := range strings.Fields(test.env) {
				name, value, _ := strings.Cut(pair, "=")
				t.Setenv("SEAGATE_"+name, value)
			}
			r := run(t, append([]string{"streams"}, strings.Fields(test.args)...)...)
			if r.code != test.code || !strings.Contains(r.out+r.notes, test.want) {
				t.Errorf("%+v, want %d, %q", r, test.code, test.want)
			}
		})
	}
}

// TestErrorsNameTheGateway, with the client and where both are from, and so does --verbose.
func TestErrorsNameTheGateway(t *testing.T) {
	contextFolder(t)
	addContext(t, "plant", "http://127.0.0.1:1", "sensors", "plant-secret")
	var notes strings.Builder
	execute(t.Context(), strings.NewReader(""), &strings.Builder{}, &notes, "streams")
	if !strings.Contains(notes.String(), "\ngateway: http://127.0.0.1:1 as sensors (context plant)\n") {
		t.Errorf("the error is %s", notes.String())
	}
	notes.Reset()
	execute(t.Context(), strings.NewReader(""), &strings.Builder{}, &notes, "streams", "--json")
	if !strings.Contains(notes.String(), `"gateway":{"url":"http://127.0.0.1:1","clientId":"sensors","context":"plant"}`) {
		t.Errorf("the error is %s", notes.String())
	}
	notes.Reset()
	t.Setenv("SEAGATE_URL", whoami(t))
	t.Setenv("SEAGATE_CLIENT_ID", "env")
	t.Setenv("SEAGATE_CLIENT_SECRET", "env-secret")
	execute(t.Context(), strings.NewReader(""), &strings.Builder{}, &notes, "streams", "-v")
	if want := "gateway " + os.Getenv("SEAGATE_URL") + " (SEAGATE_URL) as env (SEAGATE_CLIENT_ID)\n"; notes.String() != want {
		t.Errorf("--verbose says %q, want %q", notes.String(), want)
	}
}

// TestRotatingTheClientOfAContext changes the secret in the context, too.
func TestRotatingTheClientOfAContext(t *testing.T) {
	f := newFake(t, map[string]string{"PUT /client/abc": `{"givenId":"abc","secret":"sea_new"}`, "DELETE /client/abc": `{}`})
	url := os.Getenv("SEAGATE_URL")
	contextFolder(t)
	addContext(t, "plant", url, "abc", "def123")
	addContext(t, "elsewhere", "http://127.0.0.1:1", "abc", "def123")
	run(t, "clients", "rotate", "abc").want(t, "sea_new\n",
		"client abc has a new secret, which is not shown again; the old one is no longer valid:\nthe secret in context plant is changed\n", 0)
	f.wantRequests("PUT /client/abc")
	text, err := os.ReadFile(filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "seagate", "contexts.json"))
	if err != nil || strings.Count(string(text), "sea_new") != 1 || strings.Count(string(text), "def123") != 1 {
		t.Errorf("the contexts are %s, %v", text, err)
	}
}
