package seagate_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The documentation shows the units that are installed.
func TestDocumentedUnits(t *testing.T) {
	document := readText(t, "docs/production.md")
	for _, unit := range []string{"seagate.socket", "seagate.service"} {
		if text := readText(t, "packaging/systemd/"+unit); !strings.Contains(document, "```ini\n"+text+"```\n") {
			t.Errorf("docs/production.md does not show packaging/systemd/%s as it is", unit)
		}
	}
}

// Each keyword of a unit is one that systemd knows as a part of hardening, or of the service.
func TestUnitIsHardened(t *testing.T) {
	unit := readText(t, "packaging/systemd/seagate.service")
	for _, line := range []string{
		"Type=notify", "ExecStartPre=/usr/bin/seagate check --config /etc/seagate/seagate.toml", "DynamicUser=yes", "NoNewPrivileges=yes",
		"ExecReload=/usr/bin/seagate check --config /etc/seagate/seagate.toml", "CapabilityBoundingSet=", "ProtectSystem=strict", "MemoryDenyWriteExecute=yes", "SystemCallFilter=@system-service",
		"SystemCallErrorNumber=EPERM", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "WatchdogSec=2min", "UMask=0077",
	} {
		if !strings.Contains(unit, "\n"+line+"\n") {
			t.Errorf("the unit has no line %s", line)
		}
	}
}

// The rules of hadolint that matter here, and what must agree with the gateway.
func TestDockerfile(t *testing.T) {
	text := strings.ReplaceAll(readText(t, "packaging/Dockerfile"), "\\\n", " ")
	if strings.Contains(text, "-e SEAGATE_ROOT_CLIENT_SECRET") {
		t.Error("the secret is an argument, which others can read")
	}
	for _, ignored := range []string{"bin", "dist", "data", ".git", ".tools", "e2e/node_modules"} {
		if !strings.Contains("\n"+readText(t, ".dockerignore"), "\n"+ignored+"\n") {
			t.Errorf(".dockerignore lets %s pass", ignored)
		}
	}
	stages, user, last := []string{}, "", map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		instruction, arguments, _ := strings.Cut(line, " ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			continue
		case instruction != strings.ToUpper(instruction):
			t.Errorf("%s: an instruction in lower case", line)
		}
		last[instruction] = arguments
		switch instruction {
		case "FROM":
			image, name, _ := strings.Cut(arguments, " AS ")
			if tag := image[strings.LastIndex(image, ":")+1:]; tag == image || tag == "latest" {
				t.Errorf("%s: no tag (DL3006, DL3007)", line)
			}
			stages, user = append(stages, name), ""
		case "COPY":
			if from := regexp.MustCompile(`--from=(\S+)`).FindStringSubmatch(arguments); from != nil && !slices.Contains(stages, from[1]) {
				t.Errorf("%s: there is no such stage (DL3022)", line)
			}
		case "USER":
			user = arguments
		case "WORKDIR":
			if !strings.HasPrefix(arguments, "/") {
				t.Errorf("%s: not absolute (DL3000)", line)
			}
		case "CMD", "ENTRYPOINT", "HEALTHCHECK", "VOLUME":
			list := arguments[max(0, strings.Index(arguments, "[")):]
			if json.Unmarshal([]byte(list), new([]string)) != nil {
				t.Errorf("%s: not a list, and the image has no shell (DL3025)", line)
			}
		case "ADD", "MAINTAINER", "SHELL":
			t.Errorf("%s: not to be used (DL3020, DL4000)", line)
		case "RUN":
			if len(stages) > 1 || strings.Contains(arguments, "sudo") || strings.Contains(arguments, "apt-get") {
				t.Errorf("%s: the last stage has no shell, and the build needs no packages", line)
			}
		}
	}
	if !regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`).MatchString(user) {
		t.Errorf("the user is %q, want numbers that are not root's: Kubernetes checks that", user)
	}
	if !strings.Contains(last["FROM"], "distroless/static") || last["EXPOSE"] != "3104" || !strings.Contains(last["HEALTHCHECK"], `"health"`) {
		t.Errorf("FROM %s, EXPOSE %s, HEALTHCHECK %s", last["FROM"], last["EXPOSE"], last["HEALTHCHECK"])
	}
}

// section returns the lines of a YAML file that belong to a key, without what they are indented by.
func section(t *testing.T, text, key string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^( *)` + key + `:.*\n((?: *\n|( +)\S.*\n)+)`).FindStringSubmatchIndex(text)
	if m == nil {
		t.Fatalf("there is no %s:", key)
	}
	indent, lines := text[m[2]:m[3]]+"  ", ""
	for line := range strings.Lines(text[m[4]:m[5]]) {
		rest, deeper := strings.CutPrefix(line, indent)
		if !deeper {
			break
		}
		lines += rest
	}
	return lines
}

// What the packages have exists, and both ways to make them have the same.
func TestPackages(t *testing.T) {
	nfpm, goreleaser := readText(t, "packaging/nfpm.yaml"), readText(t, "packaging/goreleaser.yaml")
	const program = "- src: dist/seagate\n  dst: /usr/bin/seagate\n  file_info: {mode: 0755}\n" // goreleaser adds it itself
	for _, key := range []string{"contents", "description", "scripts", "rpm"} {
		if a, b := section(t, nfpm, key), section(t, goreleaser, key); a != program+b && a != b {
			t.Errorf("%s in packaging/nfpm.yaml is\n%sand in packaging/goreleaser.yaml\n%s", key, a, b)
		}
	}
	found := regexp.MustCompile(`(?:src|postinstall|preremove|postremove): ([^\s,]+)`).FindAllStringSubmatch(nfpm, -1)
	for _, m := range found {
		if files, err := filepath.Glob(m[1]); err != nil || len(files) == 0 && !strings.HasPrefix(m[1], "dist/") {
			t.Errorf("packaging/nfpm.yaml has %s: %v", m[1], err)
		}
	}
	if len(found) < 10 {
		t.Errorf("found only %d sources in packaging/nfpm.yaml", len(found))
	}
	// A file of the rpm is marked as a document by its own line.
	for _, pattern := range []string{"docs/*.md", "docs/*.yml", "docs/*.json"} {
		files, err := filepath.Glob(pattern)
		for _, file := range files {
			if !strings.Contains(nfpm, "{src: "+file+", dst: /usr/share/doc/seagate/"+file+", type: doc, packager: rpm}") {
				t.Errorf("packaging/nfpm.yaml lacks %s for the rpm", file)
			}
		}
		if err != nil || !strings.Contains(nfpm, "- src: "+pattern+"\n") {
			t.Errorf("packaging/nfpm.yaml lacks %s for the deb (%v)", pattern, err)
		}
	}
	for _, script := range []string{"postinstall", "preremove", "postremove"} {
		if out, err := exec.Command("sh", "-n", "packaging/scripts/"+script+".sh").CombinedOutput(); err != nil {
			t.Errorf("%s: %v %s", script, err, out)
		}
	}
}

// runScript runs a script of the packages with a systemctl that does what is given, and with the folders of the system
// below folder. It returns what the script says, and what it called.
func runScript(t *testing.T, script, folder, systemctl string, arguments ...string) (said, called string) {
	t.Helper()
	text := strings.ReplaceAll(readText(t, "packaging/scripts/"+script+".sh"), "/run/systemd/system", folder)
	text = regexp.MustCompile(`/(etc|var)/`).ReplaceAllString(text, folder+"/$1/")
	here, calls := filepath.Join(folder, script+".sh"), filepath.Join(folder, "called")
	for name, content := range map[string]string{
		here: text, calls: "",
		filepath.Join(folder, "systemctl"): "#!/bin/sh\necho \"$@\" >> " + calls + "\n" + systemctl + "\n",
	} {
		if err := os.WriteFile(name, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sh", append([]string{here}, arguments...)...)
	cmd.Env = []string{"PATH=" + folder + ":/usr/bin:/bin"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", script, err, out)
	}
	return string(out), readText(t, calls)
}

// An upgrade restarts a gateway that runs, and leaves it alone if this release refuses its configuration. The package is
// installed, whatever becomes of that.
func TestUpgradeKeepsWhatRuns(t *testing.T) {
	for _, c := range []struct {
		systemctl, says string
		restarts        bool
	}{
		{"exit 0", "", true},
		{`[ "$1" != reload ]`, "was not restarted", false},
		{`[ "$1" != restart ]`, "did not start again", true},
		{`[ "$1" != is-active ]`, "", false},
	} {
		said, called := runScript(t, "postinstall", t.TempDir(), c.systemctl, "configure", "1.0.0")
		if restarted := strings.Contains(called, "restart seagate.service"); restarted != c.restarts ||
			!strings.Contains(said, c.says) || c.says == "" && said != "" {
			t.Errorf("with a systemctl that says %q it was restarted (%v), and the script says %q", c.systemctl, restarted, said)
		}
	}
}

// A purge removes the secret of the root client, and names the data that is left.
func TestPurge(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"etc/seagate", "var/lib/seagate"} {
		if err := os.MkdirAll(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	secret := filepath.Join(folder, "etc/seagate/root.env")
	if err := os.WriteFile(secret, []byte("SEAGATE_ROOT_CLIENT_SECRET=x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, _ := runScript(t, "postremove", folder, "exit 0", "remove"); said != "" || readText(t, secret) == "" {
		t.Errorf("a removal says %q", said)
	}
	said, _ := runScript(t, "postremove", folder, "exit 0", "purge")
	if _, err := os.Stat(filepath.Dir(secret)); err == nil || !strings.Contains(said, "root.env") ||
		!strings.Contains(said, "/var/lib/seagate") || strings.Contains(said, "/var/lib/private") {
		t.Errorf("after a purge: %v, and it says %q", err, said)
	}
	if said, _ = runScript(t, "postremove", t.TempDir(), "exit 0", "purge"); said != "" {
		t.Errorf("a purge of nothing says %q", said)
	}
}

// Packages sort releases, what comes before one, and what is made after one.
func TestVersionsOfPackages(t *testing.T) {
	for version, want := range map[string]string{
		"v1.2.3": "1.2.3", "v1.2.3-rc.1": "1.2.3~rc.1", "v1.2.3-4-gabc1234": "1.2.3+4.gabc1234",
		"v1.2.3-rc.1-4-gabc1234-dirty": "1.2.3~rc.1+4.gabc1234+dirty", "abc1234": "0.0.0~abc1234", "v1.2.3-dirty": "1.2.3+dirty",
		"1.2.4": "1.2.4", "1.2.4-rc.1": "1.2.4~rc.1", "1234567": "0.0.0~1234567", "1234567-dirty": "0.0.0~1234567+dirty", "dev": "0.0.0~dev",
	} {
		cmd := exec.Command("make", "-s", "-f", "-", "print")
		cmd.Stdin = strings.NewReader("include Makefile\nprint:; @echo '$(RELEASE)'\n")
		cmd.Env = append(os.Environ(), "MAKEFLAGS=VERSION="+version)
		if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("%s becomes %s, want %s (%v)", version, out, want, err)
		}
	}
}

// The chart takes the values that it has, and refuses others. `make check-packaging` renders it.
func TestChart(t *testing.T) {
	const chart = "packaging/helm/seagate/"
	compiled, err := jsonschema.Compile(chart + "values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for text, valid := range map[string]bool{
		`{}`: true, `{"replicas": 3}`: false, `{"persistence": {"enabled": false}}`: false, `{"podLabels": {"a": "b"}}`: true,
		`{"settings": {"SEAGATE_LOG_LEVEL": "debug"}}`: true, `{"settings": {"SEAGATE_LISTEN": ":1"}}`: false, `{"resources": {"any": 1}}`: true,
	} {
		var values any
		if err := json.Unmarshal([]byte(text), &values); err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(values); (err == nil) != valid {
			t.Errorf("%s: %v", text, err)
		}
	}
	names := map[string]bool{"global": true} // Helm makes it
	for _, m := range regexp.MustCompile(`(?m)^(\w+):`).FindAllStringSubmatch(readText(t, chart+"values.yaml"), -1) {
		names[m[1]] = true
		if compiled.Properties[m[1]] == nil {
			t.Errorf("values.schema.json lacks %s", m[1])
		}
	}
	for name := range compiled.Properties {
		if !names[name] {
			t.Errorf("values.yaml lacks %s", name)
		}
	}
}

// The documentation shows the pod that the chart makes, aside from what values change.
func TestDocumentedPod(t *testing.T) {
	template := readText(t, "packaging/helm/seagate/templates/statefulset.yaml")
	_, text, found := strings.Cut(readText(t, "docs/production.md"), "```yaml\n      terminationGracePeriodSeconds: 45     # shutdown.timeout + some\n")
	text, _, _ = strings.Cut(text, "```\n")
	if !found || strings.Count(text, "securityContext") != 2 {
		t.Fatalf("docs/production.md does not show the pod: %s", text)
	}
	for line := range strings.Lines(text) {
		if line, _, _ = strings.Cut(strings.TrimSpace(line), " #"); strings.Contains(line, "secretRef") || strings.Contains(line, "SEAGATE_") {
			continue
		}
		if !strings.Contains(template, strings.TrimSpace(line)) {
			t.Errorf("docs/production.md has the line %s, and the chart has not", line)
		}
	}
}

// The file of the packages has each default as a comment, and the data folder of the unit.
func TestSettingsOfPackages(t *testing.T) {
	cmd := exec.Command("packaging/settings.sh")
	cmd.Stdin = strings.NewReader("# Your own file needs only the keys that differ.\n# See docs/production.md.\nlisten = \":3104\"\ndata_dir = \"data\"\n[tls]\ncert_file = \"\"\n")
	out, err := cmd.Output()
	const want = "# Take the # away in front of what you change.\n# See /usr/share/doc/seagate/docs/production.md.\n#listen = \":3104\"\n" +
		"data_dir = \"/var/lib/seagate\" # the unit sets it, too\n[tls]\n#cert_file = \"\"\n"
	if err != nil || string(out) != want {
		t.Errorf("%v: %s", err, out)
	}
	if unit := readText(t, "packaging/systemd/seagate.service"); !strings.Contains(unit, "\nEnvironment=SEAGATE_DATA_DIR=/var/lib/seagate\n") {
		t.Error("the unit has another data folder")
	}
}
