package config

import (
	"fmt"
	"regexp"
	"strings"

	"seagate/internal/spelling"
)

// serviceVariable matches the variables that Kubernetes sets in every container
// for a service. For the service seagate they are SEAGATE_SERVICE_HOST,
// SEAGATE_SERVICE_PORT_HTTP, SEAGATE_PORT_3104_TCP_ADDR and so on; for
// seagate-admin they begin with SEAGATE_ADMIN.
var serviceVariable = regexp.MustCompile(
	`^SEAGATE_([A-Z0-9_]+_)?(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// isKubernetes reports whether Kubernetes has set a variable. It recognizes
// SEAGATE_PORT by its value, since an operator who sets SEAGATE_PORT=3104 needs
// the warning.
func isKubernetes(name, text string) bool {
	return serviceVariable.MatchString(name) ||
		strings.HasSuffix(name, "_PORT") && strings.Contains(text, "://")
}

func (r *reading) unknownVariable(name string) string {
	warning := "unknown environment variable " + name + " is ignored"
	names := []string{fileVariable}
	for _, s := range r.config.all() {
		names = append(names, s.env())
	}
	if meant := nearest(name, names); meant != "" {
		return warning + "; did you mean " + meant + "?"
	}
	return warning + allKeys
}

// allKeys completes a message about a key, section or variable that no known name is similar to.
const allKeys = "; seagate config --defaults lists every setting"

// keyHint completes the error about an unknown key of a section with the key
// that was probably meant, which may be in another section.
func (r *reading) keyHint(sectionName, key string) string {
	var own, foreign []string
	home := map[string]string{} // foreign key to its section
	for _, section := range r.sections {
		for _, s := range section.settings {
			if section.name == sectionName {
				own = append(own, s.key)
			} else if _, taken := home[s.key]; !taken {
				foreign = append(foreign, s.key)
				home[s.key] = section.name
			}
		}
	}
	if name, exact := home[key]; exact {
		return "; it belongs " + whereIs(name)
	}
	if meant := nearest(key, own); meant != "" {
		return fmt.Sprintf("; did you mean %q?", meant)
	}
	if meant := nearest(key, foreign); meant != "" {
		return fmt.Sprintf("; did you mean %q %s?", meant, whereIs(home[meant]))
	}
	return allKeys
}

// whereIs returns where in the file the keys of a section are.
func whereIs(section string) string {
	if section == "" {
		return "at the top, above the first [section]"
	}
	return "in [" + section + "]"
}

// sectionHint completes the error about an unknown section.
func (r *reading) sectionHint(name string) string {
	var names []string
	for _, section := range r.sections[1:] {
		names = append(names, section.name)
	}
	if meant := nearest(name, names); meant != "" {
		return "; did you mean [" + meant + "]?"
	}
	return allKeys
}

// nearest returns the candidate that was probably meant by name, or "". It is
// the one with the fewest typing errors, or else one that contains name as words.
func nearest(name string, candidates []string) string {
	slips := min(3, len(name)/3)
	if meant, ok := spelling.Nearest(name, candidates, func(string) int { return slips }); ok {
		return meant
	}
	words := "_" + strings.TrimPrefix(spelling.Fold(name), spelling.Fold(envPrefix)) + "_"
	for _, candidate := range candidates {
		if strings.Contains("_"+spelling.Fold(candidate)+"_", words) {
			return candidate
		}
	}
	return ""
}
