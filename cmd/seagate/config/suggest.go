package config

import (
	"fmt"
	"regexp"
	"strings"
)

// serviceVariable is what Kubernetes puts into every container for a service:
// for one called seagate, SEAGATE_SERVICE_HOST, SEAGATE_SERVICE_PORT_HTTP,
// SEAGATE_PORT_3104_TCP_ADDR and so on; for seagate-admin, the same after
// SEAGATE_ADMIN.
var serviceVariable = regexp.MustCompile(
	`^SEAGATE_([A-Z0-9_]+_)?(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// isKubernetes recognizes those variables, and SEAGATE_PORT by its value,
// since an operator who sets SEAGATE_PORT=3104 should hear of it.
func isKubernetes(name, text string) bool {
	return serviceVariable.MatchString(name) ||
		strings.HasSuffix(name, "_PORT") && strings.Contains(text, "://")
}

func (r *reading) unknownVariable(name string) string {
	warning := "unknown environment variable " + name + " is ignored"
	var names []string
	for _, s := range r.config.all() {
		names = append(names, s.env())
	}
	if meant := nearest(name, names); meant != "" {
		return warning + "; did you mean " + meant + "?"
	}
	return warning + allKeys
}

// allKeys is what to do when no key is near.
const allKeys = "; seagate config --defaults lists every setting"

// keyHint completes the error about an unknown key of a section: the key that
// was probably meant, which may be one of another section.
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

// whereIs says where the keys of a section stand in the file.
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

// nearest is the candidate that name was probably meant to be, or "": the one
// with the fewest slips in between, or else one that has all of name in it.
func nearest(name string, candidates []string) string {
	name = fold(name)
	best, fewest := "", slips(len(name))+1
	for _, candidate := range candidates {
		if n := distance(name, fold(candidate), fewest); n < fewest {
			best, fewest = candidate, n
		}
	}
	if best != "" {
		return best
	}
	words := "_" + strings.TrimPrefix(name, fold(envPrefix)) + "_"
	for _, candidate := range candidates {
		if strings.Contains("_"+fold(candidate)+"_", words) {
			return candidate
		}
	}
	return ""
}

// slips is how many are forgiven in a name of n bytes.
func slips(n int) int { return min(3, n/3) }

// fold makes the spellings of one name equal: ping-interval, Ping_Interval.
func fold(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, "-", "_"))
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b, up to limit: names whose lengths alone tell
// them apart are not looked at, so that a long key costs nothing.
func distance(a, b string, limit int) int {
	if max(len(a)-len(b), len(b)-len(a)) >= limit {
		return limit
	}
	before, previous, current := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		for j := 1; j <= len(b); j++ {
			replace := previous[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			current[j] = min(previous[j]+1, current[j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, previous, current = previous, current, before
	}
	return previous[len(b)]
}
